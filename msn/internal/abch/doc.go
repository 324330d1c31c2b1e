// Package abch is the client of the address book and of the memberships, which web services keep from MSNP13
// on (services.md 6 to 8 and 13). It stands on package soap, and knows neither notification servers nor what
// the people in a book are for: package msn puts book, memberships and lists together.
//
// Answers are read as a stream, in any order and with any capitals. What is missing is left empty, what makes no
// sense is left out, and what is too much is an error rather than a list that was cut.
package abch
