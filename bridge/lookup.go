package bridge

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/matrix-msn/matrix-msn/msn"
)

// LookUpServer finds a service by its short name in a config file, for `probe`: how to reach it, what the bridge calls itself there and
// which versions it may be spoken to in, and what is to be said of the entry though it is no error.
func LookUpServer(configPath, name string) (cfg msn.Config, warnings []string, err error) {
	text, err := os.ReadFile(configPath)
	if err != nil {
		return msn.Config{}, nil, fmt.Errorf("read the config: %w", err)
	}
	var file struct {
		Network struct {
			Servers map[string]ServerConfig `yaml:"servers"`
		} `yaml:"network"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return msn.Config{}, nil, fmt.Errorf("read the config: %w", err)
	}
	entry, ok := file.Network.Servers[name]
	if !ok {
		if len(file.Network.Servers) == 0 {
			return msn.Config{}, nil, fmt.Errorf("network.servers: there is no %q, nor any other", name)
		}
		return msn.Config{}, nil, fmt.Errorf("network.servers: there is no %q; there are %s",
			name, strings.Join(slices.Sorted(maps.Keys(file.Network.Servers)), ", "))
	}
	found, err := entry.service(name, filepath.Dir(configPath))
	if err != nil {
		return msn.Config{}, nil, err
	}
	return found.config(), found.warnings, nil
}
