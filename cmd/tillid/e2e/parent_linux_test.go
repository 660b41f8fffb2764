package e2e

import "syscall"

// dieWithParent lets the kernel end a server whose test binary was killed and could not clean up.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
