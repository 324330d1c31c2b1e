//go:build unix && !linux

package stage

import "syscall"

// ownGroup makes a child the head of its own process group. Here it does not end if we are killed by force.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
