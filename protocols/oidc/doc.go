// Package oidc answers relying parties in OpenID Connect: it is the OpenID Provider in front of a broker.
//
// It decides nothing about who may log in or how surely: it turns an authorization request into a broker.Request, and a
// broker.Result into a code, tokens and claims. It shows no page but a plain fallback for errors; package web has the pages.
//
// It is built on package op of zitadel/oidc: op routes and decodes the requests to the token, introspection, revocation
// and userinfo endpoints and takes client credentials apart. Everything that decides is here: op's own server skips PKCE
// for some clients, always grants jwt-bearer, takes an ID token for an access token at userinfo and reads the system clock,
// so its methods are not inherited but unimplemented unless this package implements them.
//
// # What it speaks
//
// OpenID Connect Core 1.0 code flow only, with PKCE S256 (RFC 7636) for every client and iss in every response (RFC 9207),
// Discovery 1.0, RP-Initiated Logout 1.0, Back-Channel Logout 1.0, form_post (OAuth 2.0 Form Post Response Mode), token
// revocation (RFC 7009), introspection (RFC 7662), private_key_jwt (RFC 7523), and the unmet_authentication_requirements
// error.
//
// # Deviations
//
//   - OpenID Connect Core 3.1.2.1 calls acr_values voluntary. Here a level that is asked for is a requirement: the first
//     that can be met, never one below it. Values that are all unknown are invalid_request.
//   - RFC 7591 section 2: a registration without grant_types may use refresh tokens too; they are still given only for the
//     scope offline_access.
//   - RFC 6749 section 6: a refresh that asks for scopes which were not granted gets those that were, and is told so in
//     scope; it is refused only for scopes that the client is not registered for.
//   - RFC 6749 section 5.2 knows no temporarily_unavailable at the token endpoint. It is what a store that is down answers,
//     with status 503 and Retry-After.
//   - RFC 7591 section 2 makes RS256 the default of id_token_signed_response_alg. Here it is ES256, where there is a key for it.
//   - OpenID Connect Core 5.5: of the claims parameter only acr is honoured; all other claims depend on scopes.
//   - RFC 6749 section 4.1.2.1 has temporarily_unavailable for the redirect. A store that is down at the first step is a page
//     with status 503 and Retry-After instead, so that the person can try again without beginning anew at the client.
//   - A POST to the authorization or logout endpoint is answered by a redirect to the same request as GET, because a
//     browser sends no SameSite=Lax cookie with a POST from another site.
//   - Package op logs refused requests to slog's default logger, not to Config.Logger.
package oidc
