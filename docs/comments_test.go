package docs_test

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// packageComments checks that each package says what it is for, in one of its files. A folder with nothing but tests
// says it there.
func packageComments(tr *tree) []finding {
	files := map[string][]*source{} // by folder
	for _, s := range tr.golang() {
		files[s.dir()] = append(files[s.dir()], s)
	}
	var found []finding
	for _, s := range tr.golang() {
		all := files[s.dir()]
		if all[0] != s { // each folder once
			continue
		}
		library := slices.DeleteFunc(slices.Clone(all), (*source).test)
		if len(library) == 0 {
			library = all
		}
		if !slices.ContainsFunc(library, func(s *source) bool { return s.syntax.Doc.Text() != "" }) {
			found = append(found, library[0].at(library[0].syntax.Package, "no file of this package has a package comment"))
		}
	}
	return found
}

// docComments checks that the functions, methods, types, constants and variables that users can name are explained.
// Fields and methods of interfaces are left to the comment of their type, where that says enough.
func docComments(tr *tree) []finding {
	var found []finding
	for _, s := range tr.library() {
		if s.main() || slices.Contains(strings.Split(s.dir(), "/"), "internal") {
			continue
		}
		d := unexplained{source: s}
		for i, decl := range s.syntax.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				d.function(decl)
			case *ast.GenDecl:
				explained := decl.Doc.Text() != "" || i > 0 && lists(decl, s.syntax.Decls[i-1])
				d.declaration(decl, explained)
			}
		}
		found = append(found, d.found...)
	}
	return found
}

// unexplained collects what one file leaves without a comment.
type unexplained struct {
	*source
	found []finding
}

func (d *unexplained) missing(name *ast.Ident) {
	d.found = append(d.found, d.at(name.Pos(), "exported %s has no doc comment", name.Name))
}

// function looks at a function, or at a method of an exported type: others no user can call by name.
func (d *unexplained) function(f *ast.FuncDecl) {
	if !f.Name.IsExported() || f.Doc.Text() != "" {
		return
	}
	if f.Recv != nil && len(f.Recv.List) == 1 && !receiver(f.Recv.List[0].Type).IsExported() {
		return
	}
	d.missing(f.Name)
}

// receiver is the name of a receiver's type, without its star and type parameters.
func receiver(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x
		default:
			return ast.NewIdent("_")
		}
	}
}

// lists reports whether g is the constants of the type declared just above them, whose comment then explains both:
// time.Weekday and its days read so.
func lists(g *ast.GenDecl, above ast.Decl) bool {
	t, ok := above.(*ast.GenDecl)
	if !ok || g.Tok != token.CONST || t.Tok != token.TYPE || t.Doc.Text() == "" || len(t.Specs) != 1 || len(g.Specs) == 0 {
		return false
	}
	of, ok := g.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident)
	return ok && of.Name == t.Specs[0].(*ast.TypeSpec).Name.Name
}

// declaration looks at types, constants and variables. The comment of a group explains every value in it, but a type
// only where it stands alone.
func (d *unexplained) declaration(g *ast.GenDecl, explained bool) {
	var values run
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			own := spec.Doc.Text() != "" || spec.Comment.Text() != "" || explained && !g.Lparen.IsValid()
			if !own && spec.Name.IsExported() {
				d.missing(spec.Name)
			}
		case *ast.ValueSpec:
			d.value(&values, spec, explained || spec.Doc.Text() != "" || spec.Comment.Text() != "")
		}
	}
}

// A run is a series of lines without a gap: one comment above it explains all of them.
type run struct {
	explained bool
	last      int // its last line so far
}

// value looks at one line of constants or variables: explained by itself, or by the run that it continues.
func (d *unexplained) value(r *run, v *ast.ValueSpec, explained bool) {
	continues := r.explained && d.line(v.Pos()) == r.last+1
	r.explained, r.last = explained || continues, d.line(v.End()-1)
	if r.explained {
		return
	}
	for _, name := range v.Names {
		if name.IsExported() {
			d.missing(name)
		}
	}
}
