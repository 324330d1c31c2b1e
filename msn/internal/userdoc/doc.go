// Package userdoc is the alphabet of the documents inside the envelopes of PUT, NFY and DEL: <user>, which tells of somebody's
// presence, and <circle>, which tells who takes part in a circle or a temporary group and what it is called (core.md 11.3, 13.2
// and 13.4).
//
// It stands beside package wire: package msn and msntest both speak it, each in its own direction. Real documents were seen to
// hold characters that XML forbids and texts that nobody had escaped, so that the readers go by tags and take whatever stands
// between them; they fail only where a document is none at all, or beyond any sense.
package userdoc
