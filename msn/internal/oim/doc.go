// Package oim is the client of offline messages: texts that web services keep for somebody who is away
// (services.md 10). It reads what a notification server tells of them, fetches and deletes them, and leaves
// new ones. It stands on package soap; when to do what is package msn's.
package oim
