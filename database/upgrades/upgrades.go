// Package upgrades holds the schema of package database and the way to it from each older one.
package upgrades

import (
	"embed"

	"go.mau.fi/util/dbutil"
)

//go:embed *.sql
var files embed.FS

// Table lists the upgrades, in the order of their file names.
var Table = dbutil.BuildUpgradeTable().WithFS(files).Finish()
