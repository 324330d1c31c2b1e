// Package soap makes one POST of one SOAP envelope and reads the answer as a stream. Tickets, address book,
// offline messages and storage are written on top of it; what their elements mean is theirs. It knows nothing
// of MSN but the habits of its web services: faults with any HTTP status and in any place, redirects that
// want the POST again, prefixes of all kinds, characters that XML does not allow (services.md 2).
package soap
