package stage

import "syscall"

// ownGroup makes a child the head of its own process group, which is killed when the thread that started it dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
