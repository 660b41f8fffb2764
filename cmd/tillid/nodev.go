//go:build nodev

package main

import (
	"context"
	"crypto"

	"github.com/tillid/tillid/authn/sqldb"
)

// devBuild says whether this build has the dev profile.
const devBuild = false

// profiles are the commands that only some builds have: none.
type profiles struct{}

// devAuditKeys are those that a dev server keeps in its database: this build knows nothing of them.
func devAuditKeys(context.Context, *sqldb.DB) ([]crypto.PublicKey, error) { return nil, nil }
