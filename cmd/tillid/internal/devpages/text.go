package devpages

// text is a text in Danish or English; a key that there is none for is the text itself.
func text(lang, key string) string {
	t, ok := texts[key]
	switch {
	case !ok:
		return key
	case lang == "en":
		return t[1]
	}
	return t[0]
}

// texts holds Danish, then English.
var texts = map[string][2]string{
	"band": {"TESTMILJØ – ikke MitID. Brug aldrig rigtige oplysninger.", "TEST ENVIRONMENT – not MitID. Never use real data."},
	"lang": {"English", "Dansk"},
	"home": {"Start", "Start"},

	"start.title":     {"Tillid til udvikling", "Tillid for development"},
	"start.intro":     {"Alt her er opdigtet: personer, CPR-numre og enheder. Det, serveren taler, er ægte.", "Everything here is made up: people, CPR numbers and devices. What the server speaks is real."},
	"start.try":       {"Prøv", "Try it"},
	"start.login":     {"Log på demoen", "Log in to the demo"},
	"start.low":       {"Log på med niveau Lav (adgangskode er nok)", "Log in at level Low (a password is enough)"},
	"start.high":      {"Bed om niveau Høj", "Ask for level High"},
	"start.phone":     {"Telefonen: godkend med appen", "The phone: approve with the app"},
	"start.codes":     {"Kodevisere og kodeoplæsere", "Code displays and audio code readers"},
	"start.post":      {"Postbakken", "The post tray"},
	"start.connect":   {"Forbind din tjeneste", "Connect your service"},
	"start.connect.1": {"Klienten demo er offentlig, bruger PKCE (S256) og tager imod enhver adresse på denne maskine.", "The client demo is public, uses PKCE (S256) and accepts any address on this machine."},
	"start.connect.2": {"Klienten demo-web har hemmeligheden", "The client demo-web has the secret"},
	"start.people":    {"Personer", "People"},
	"start.secrets":   {"Alles adgangskode er Prøve-kode-2026, PIN-koden til apps 135790.", "Everybody's password is Prøve-kode-2026, the PIN of the apps 135790."},
	"start.user":      {"Bruger-ID", "User ID"},
	"start.name":      {"Navn", "Name"},
	"start.ial":       {"IAL", "IAL"},
	"start.holds":     {"Har", "Holds"},
	"start.as":        {"Log på som", "Log in as"},
	"start.nothing":   {"intet", "nothing"},

	"post.title": {"Postbakken", "The post tray"},
	"post.empty": {"Bakken er tom. Her kommer breve, SMS'er og e-mails, som ellers ville være sendt.", "The tray is empty. Letters, SMS and e-mail that would have been sent come here."},

	"phone.title":       {"Telefonen", "The phone"},
	"phone.whose":       {"Hvis telefon?", "Whose phone?"},
	"phone.waits":       {"Venter på godkendelse", "Waiting for approval"},
	"phone.nothing":     {"Ingenting venter. Begynd at logge på, og genindlæs.", "Nothing waits. Begin to log in, and reload."},
	"phone.pin":         {"PIN-kode", "PIN"},
	"phone.with":        {"Lås op med", "Unlock with"},
	"unlock.pin":        {"PIN-kode", "PIN"},
	"unlock.biometrics": {"Biometri", "Biometrics"},
	"unlock.none":       {"Kun et strøg (niveau Lav)", "A swipe alone (level Low)"},
	"phone.approve":     {"Godkend", "Approve"},
	"phone.decline":     {"Afvis", "Decline"},
	"phone.reload":      {"Genindlæs", "Reload"},
	"phone.approved":    {"Godkendt.", "Approved."},
	"phone.declined":    {"Afvist.", "Declined."},
	"phone.scan":        {"Eller skriv koden fra QR-koden", "Or type what the QR code holds"},
	"phone.scan.label":  {"Kode", "Code"},
	"action.LOG_ON":     {"Log på", "Log on"},
	"action.APPROVE":    {"Godkend", "Approve"},
	"action.CONFIRM":    {"Bekræft", "Confirm"},
	"action.ACCEPT":     {"Accepter", "Accept"},
	"action.SIGN":       {"Underskriv", "Sign"},

	"codes.title": {"Kodevisere", "Code displays"},
	"codes.left":  {"Sekunder til næste kode:", "Seconds until the next code:"},
	"codes.once":  {"En kode kan bruges én gang.", "A code can be used once."},

	"kind.app":          {"app", "app"},
	"kind.app_enhanced": {"app (forstærket)", "app (enhanced)"},
	"kind.code_display": {"kodeviser", "code display"},
	"kind.audio_reader": {"kodeoplæser", "audio code reader"},
	"kind.password":     {"adgangskode", "password"},
	"kind.chip":         {"chip", "chip"},
	"kind.key_card":     {"nøglekort", "key card"},
	"kind.key_app":      {"nøgleapp", "key app"},
	"kind.key_viewer":   {"nøgleviser", "key viewer"},

	"demo.title":     {"Du er logget på", "You are logged in"},
	"demo.refused":   {"Login blev afvist", "The login was refused"},
	"demo.failed":    {"Demoen kunne ikke logge på", "The demo could not log in"},
	"demo.forgotten": {"Svaret hører ikke til et login, som demoen har begyndt.", "The answer does not belong to a login that the demo began."},
	"demo.asked":     {"Niveau der blev bedt om:", "Level asked for:"},
	"demo.reached":   {"Niveau opnået:", "Level reached:"},
	"demo.id":        {"ID-token", "ID token"},
	"demo.info":      {"Userinfo", "Userinfo"},
	"demo.claim":     {"Claim", "Claim"},
	"demo.value":     {"Værdi", "Value"},
	"demo.meaning":   {"Betydning", "Meaning"},
	"demo.raw":       {"Som det kom", "As it came"},
	"demo.logout":    {"Log af", "Log out"},
	"demo.again":     {"Forfra", "Start over"},

	"claim.iss":                 {"Hvem der udstedte tokenet.", "Who issued the token."},
	"claim.sub":                 {"Personen, som kun organisationens tjenester kender den: en anden organisation får en anden værdi.", "The person, as only the organisation's services know them: another organisation gets another value."},
	"claim.aud":                 {"Hvem tokenet er til, og ingen anden.", "Whom the token is for, and nobody else."},
	"claim.exp":                 {"@Gælder indtil.", "@Valid until."},
	"claim.iat":                 {"@Udstedt.", "@Issued."},
	"claim.auth_time":           {"@Hvornår personen sidst beviste noget.", "@When the person last proved something."},
	"claim.nonce":               {"Binder tokenet til det login, der blev begyndt.", "Ties the token to the login that was begun."},
	"claim.at_hash":             {"Binder tokenet til access-tokenet.", "Ties the token to the access token."},
	"claim.acr":                 {"Niveauet, stavet som der blev spurgt.", "The level, spelt as it was asked for."},
	"claim.amr":                 {"Hvad der blev brugt.", "What was used."},
	"claim.sid":                 {"Sessionen, til logout.", "The session, for logout."},
	"claim.loa":                 {"Sikringsniveau: det laveste af identitet (IAL), autentifikation (AAL) og brokerens eget (FAL).", "Level of assurance: the lowest of identity (IAL), authentication (AAL) and the broker's own (FAL)."},
	"claim.ial":                 {"Hvor sikkert identiteten blev fastslået.", "How surely the identity was proofed."},
	"claim.aal":                 {"Hvor sikker selve login var.", "How sure the login itself was."},
	"claim.idp":                 {"Hvordan personen loggede på.", "How the person logged in."},
	"claim.identity_type":       {"Som privatperson eller for en virksomhed.", "As a private person or for a company."},
	"claim.name":                {"Navn (scope profile).", "Name (scope profile)."},
	"claim.given_name":          {"Fornavn (scope profile).", "Given name (scope profile)."},
	"claim.family_name":         {"Efternavn (scope profile).", "Family name (scope profile)."},
	"claim.birthdate":           {"Fødselsdato (scope profile).", "Date of birth (scope profile)."},
	"claim.mitid.uuid":          {"Personens varige nummer i MitID (scope mitid).", "The person's lasting number in MitID (scope mitid)."},
	"claim.mitid.age":           {"Alder (scope mitid).", "Age (scope mitid)."},
	"claim.mitid.date_of_birth": {"Fødselsdato (scope mitid).", "Date of birth (scope mitid)."},
	"claim.mitid.has_cpr":       {"Om personen har et CPR-nummer (scope mitid).", "Whether the person has a CPR number (scope mitid)."},
	"claim.dk.cpr":              {"CPR-nummer: kun her, aldrig i ID-tokenet (scope ssn).", "CPR number: only here, never in the ID token (scope ssn)."},
}
