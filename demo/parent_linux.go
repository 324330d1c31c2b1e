package main

import (
	"runtime"
	"syscall"
)

// The main goroutine keeps the main thread, since the wish below belongs to the thread.
func init() { runtime.LockOSThread() }

// dieWithParent asks for the signal of an orderly end when make is killed.
func dieWithParent() {
	const setParentDeathSignal = 1 // PR_SET_PDEATHSIG
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setParentDeathSignal, uintptr(syscall.SIGTERM), 0)
}
