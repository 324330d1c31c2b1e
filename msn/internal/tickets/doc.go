// Package tickets gets the tickets that open MSN's notification server and web services: one request to a
// ticket service (RST.srf or RST2.srf) with the password, one ticket for each site in the answer. It also
// computes the proof that the notification server asks for beside a ticket (core.md 5.8 to 5.11, services.md 4).
//
// It stands on soap, and package msn signs in with it. It knows nothing of connections, versions or when to
// ask again: whoever holds a [Result] sees from the services whether its tickets are still good.
//
// Passwords, tickets and secrets are in no error and in no trace.
package tickets
