package bridge

import (
	"fmt"
	"strings"
	"text/template"

	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
)

// exampleChanges are ours to bridgev2's part: a database in a file beside the config, which needs no
// preparation, and no picture for the bot, in the form that bridgev2 itself does not complain of.
var exampleChanges = strings.NewReplacer(
	"        avatar: \n", "        avatar: \"\"\n",
	"type: postgres\n", "type: sqlite3-fk-wal\n",
	"uri: postgres://user:password@host/database?sslmode=disable\n", "uri: file:matrix-msn.db?_txlock=immediate\n",
)

// ExampleConfig is the whole example config file: our section, then bridgev2's with SQLite as its
// database.
func ExampleConfig() (string, error) {
	base, err := template.New("config").Delims("$<<", ">>").Parse(mxmain.MatrixExampleConfigBase)
	if err != nil {
		return "", fmt.Errorf("example config: %w", err)
	}
	var b strings.Builder
	b.WriteString("# Network-specific config options\nnetwork:\n")
	for line := range strings.Lines(networkConfig) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	b.WriteByte('\n')
	if err := base.Execute(&b, (&Connector{}).GetName()); err != nil {
		return "", fmt.Errorf("example config: %w", err)
	}
	return exampleChanges.Replace(b.String()), nil
}
