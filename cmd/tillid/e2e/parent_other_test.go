//go:build !linux

package e2e

import "syscall"

// dieWithParent changes nothing where the kernel offers no such bond: a server outlives a test binary that is killed.
func dieWithParent() *syscall.SysProcAttr { return nil }
