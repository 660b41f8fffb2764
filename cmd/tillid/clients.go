package main

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/tillid/tillid/cmd/tillid/internal/config"
	"github.com/tillid/tillid/protocols/oidc"
)

// clientFile is a file of registered clients: one, or a list under "clients".
type clientFile struct {
	Clients     []oidc.Client `yaml:"clients"`
	oidc.Client `yaml:",inline"`
}

const maxClientFile = 1 << 20

// readClients reads all files and reports every fault in them.
func readClients(files []string) (*oidc.Registry, error) {
	all, err := readClientFiles(files)
	if err != nil {
		return nil, err
	}
	r, err := oidc.NewRegistry(all...)
	if err != nil {
		return nil, &config.Fault{Key: "clients", Text: err.Error()}
	}
	return r, nil
}

func readClientFiles(files []string) ([]oidc.Client, error) {
	var all []oidc.Client
	var faults []error
	for _, name := range files {
		content, err := readLimited(name)
		if err == nil {
			var f clientFile
			if err = config.Decode(name, content, &f); err == nil {
				found := f.Clients
				if f.Client.ID != "" {
					found = append(found, f.Client)
				}
				if len(found) > 0 {
					all = append(all, found...)
					continue
				}
				err = &config.Fault{Where: name, Text: "there is no client in it"}
			}
		}
		faults = append(faults, err)
	}
	return all, errors.Join(faults...)
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &config.Fault{Where: name, Text: errors.Unwrap(err).Error()}
	}
	defer f.Close() //nolint:errcheck // it was only read
	return io.ReadAll(io.LimitReader(f, maxClientFile+1))
}

// readClient reads one client from JSON or YAML and checks it.
func readClient(name string, content []byte) (oidc.Client, error) {
	var c oidc.Client
	if err := config.Decode(name, bytes.TrimSpace(content), &c); err != nil {
		return c, err
	}
	return c, nil
}
