package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Set by the release build: -ldflags "-X main.version=1.2.3 -X main.commit=abc".
var (
	version = ""
	commit  = ""
)

// versionCommand prints what was built, from what, with which Go.
func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, c := buildIdentity()
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "processor %s\ncommit %s\n%s %s/%s\n",
				v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// buildIdentity is the version and commit of the release build, else what the Go tool recorded.
func buildIdentity() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if ok && v == "" {
		v = info.Main.Version
	}
	modified := false
	for _, setting := range buildSettings(info) {
		switch {
		case setting.Key == "vcs.revision" && commit == "":
			c = setting.Value
		case setting.Key == "vcs.modified" && commit == "":
			modified = setting.Value == "true"
		}
	}
	if v == "" {
		v = "(devel)"
	}
	if c == "" {
		c = "unknown"
	}
	if modified {
		c += " (modified)"
	}
	return v, c
}

// buildSettings are the settings of a build that recorded any.
func buildSettings(info *debug.BuildInfo) []debug.BuildSetting {
	if info == nil {
		return nil
	}
	return info.Settings
}
