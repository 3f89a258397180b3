package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	overlay, err := plantedOverlay(scratch)
	if err != nil {
		return err
	}
	list := plantedBenchmarks()
	now, err := measure(ctx, scratch, here, list, "-overlay="+overlay)
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

// plantedOverlay writes the changed file and what tells the go command to read it in the other's place.
func plantedOverlay(scratch string) (name string, err error) {
	source, err := os.ReadFile(plantedFile)
	if err != nil {
		return "", fmt.Errorf("plant a slow path: %w", err)
	}
	if n := strings.Count(string(source), plantedOld); n != 1 {
		return "", fmt.Errorf("plant a slow path: its place occurs %d times in %s", n, plantedFile)
	}
	changed := filepath.Join(scratch, "planted.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), plantedOld, plantedNew, 1)), 0o600); err != nil {
		return "", err
	}
	original, err := filepath.Abs(plantedFile)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return "", err
	}
	name = filepath.Join(scratch, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}
