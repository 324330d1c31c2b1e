// Package msgrconfig asks a service for the document by which programs learned where the address book is, and much
// besides (services.md 5). It stands on package soap; nobody needs it who has the URLs in the configuration.
package msgrconfig
