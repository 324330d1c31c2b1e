// Package storage is the client of the service that keeps a profile: display name, personal message and picture,
// which follow their user from one program to another (services.md 11). It stands on package soap.
package storage
