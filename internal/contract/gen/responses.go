package main

func extractResponses(doc *object, operations [][]string) (any, error) { return map[string]any{}, nil }
