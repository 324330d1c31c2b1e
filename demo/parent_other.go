//go:build unix && !linux

package main

// dieWithParent is for systems that can do it.
func dieWithParent() {}
