// Package catalog describes commands, those of the engine and those of the Redis
// front alike, and answers the Redis command COMMAND from the descriptions.
package catalog
