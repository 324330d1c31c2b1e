// Package stage builds the whole house on one machine: a real Synapse, the real bridge binary, and the MSN service of
// msntest, with people on both sides. `make demo` and the end-to-end tests play on it. Everything listens on loopback
// and writes below one folder.
//
// It is made of few things: [Homeserver] and [Bridge] are child processes that never outlive this one; [Person] is
// somebody with a Matrix client, [Contact] somebody with an MSN client; both keep a [Record] of what they see, so that
// a play waits for what should happen instead of sleeping.
//
// In the plan of the house it is beside everything: it imports msn and msntest, and knows the bridge as a program only.
package stage
