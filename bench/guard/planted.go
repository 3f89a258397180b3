package main

import (
	"context"
	"fmt"
	"strings"

	"processor/test/overlay"
)

// The slow path that -planted builds in: every record is read twice. The text occurs in the file once.
const (
	plantedFile = "internal/event/decode.go"
	plantedOld  = "\t\tfields = d.openStructured(value)\n"
	plantedNew  = plantedOld + "\t\tfields = d.openStructured(value)\n"
)

// plantedBenchmarks are those that must show it.
func plantedBenchmarks() (list []benchmark) {
	for _, b := range benchmarks {
		if strings.HasPrefix(b.name, "Decode/") {
			list = append(list, b)
		}
	}
	return list
}

// findPlanted fails unless the comparison finds the slow path in every benchmark that goes along it.
func findPlanted(ctx context.Context, scratch string, here tools, was report) error {
	exchanged, err := overlay.Write(scratch, plantedFile, plantedOld, plantedNew)
	if err != nil {
		return fmt.Errorf("plant a slow path: %w", err)
	}
	list := plantedBenchmarks()
	now, err := measure(ctx, scratch, here, list, "-overlay="+exchanged)
	if err != nil {
		return err
	}
	for i := range now.figures {
		f := &now.figures[i]
		old := byKey(was)[key(f)]
		if old == nil || !rose(old.instructions, f.instructions, instructionsMay) {
			return fmt.Errorf("a slow path was planted in %s, and %s does not show it: %d instructions", plantedFile, key(f), f.instructions)
		}
		fmt.Println("found, as it must be:", f.rise("instructions", old.instructions, f.instructions, instructionsMay))
	}
	return nil
}
