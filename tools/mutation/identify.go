package main

import (
	"encoding/json"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
)

// identify prints the number of the mutant that a copy of the package is, 0 where it is none of the list,
// -1 where it is no Go: gremlins takes the & of an address for an operator too. gremlins prints the file
// that it changes anew, so only the tokens are compared.
func identify(folder, copied, list string) error {
	b, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	mutants := map[string]int{}
	if err := json.Unmarshal(b, &mutants); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		was, err := tokens(name)
		if err != nil {
			return err
		}
		is, err := tokens(filepath.Join(copied, filepath.Base(name)))
		if err != nil {
			return err
		}
		for i := range min(len(was), len(is)) {
			if was[i].tok != is[i].tok || was[i].text != is[i].text {
				number := mutants[place(was[i].at, is[i].tok)]
				if number == 0 && was[i].tok == token.AND && (i == 0 || !endsOperand(was[i-1].tok)) {
					number = -1
				}
				fmt.Println(number)
				return nil
			}
		}
	}
	fmt.Println(0)
	return nil
}

// endsOperand says whether an operator behind the token has two sides.
func endsOperand(t token.Token) bool {
	return t == token.IDENT || t == token.RPAREN || t == token.RBRACK || t == token.RBRACE || t.IsLiteral()
}

type scanned struct {
	at   token.Position
	tok  token.Token
	text string
}

// tokens are those of a file without the semicolons that line ends make.
func tokens(name string) ([]scanned, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var s scanner.Scanner
	s.Init(set.AddFile(name, -1, len(content)), content, nil, 0)
	var list []scanned
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			return list, nil
		}
		if tok == token.SEMICOLON {
			continue
		}
		list = append(list, scanned{set.Position(pos), tok, text})
	}
}
