package linkage_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

func TestTheStepsOfEveryWaterfallAddUpToTheScoreExactly(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(1, 2))}
	r := linkage.New(linkage.Default())
	people := c.fill(r, 2000)
	seen := 0
	for range 500 {
		for _, cand := range r.Find(c.heard(people[c.r.IntN(len(people))]), linkage.ReviewThreshold) {
			sum := cand.Evidence.Prior
			for _, step := range cand.Evidence.Steps {
				sum += step.Bits
			}
			if sum != cand.Bits || cand.Evidence.Bits != cand.Bits {
				t.Fatalf("person %d: the steps add up to %v, the score is %v", cand.Person, sum, cand.Bits)
			}
			seen++
		}
	}
	if seen < 200 {
		t.Errorf("got %d answers, want more to prove something", seen)
	}
}

func TestExplainAgreesWithFind(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(3, 4))}
	r := linkage.New(linkage.Default())
	people := c.fill(r, 1000)
	r.SetVersion(7)
	for range 200 {
		query := c.heard(people[c.r.IntN(len(people))])
		for _, cand := range r.Find(query, linkage.ReviewThreshold) {
			again, ok := r.Explain(query, cand.Person)
			a, _ := json.Marshal(cand.Evidence)
			b, _ := json.Marshal(again)
			if !ok || !slices.Equal(a, b) {
				t.Fatalf("person %d: Explain and Find tell different stories", cand.Person)
			}
			if again.RegisterVersion != 7 || again.Model != linkage.Default().Hash() {
				t.Fatalf("got register version %d and model %s", again.RegisterVersion, again.Model)
			}
		}
	}
	if _, ok := r.Explain(people[0], 99999); ok {
		t.Error("got evidence for somebody who is not on the register")
	}
	if e, ok := r.Explain(people[0], 500); !ok || len(e.Steps) == 0 {
		t.Error("got no evidence for somebody who does not match")
	}
}

func TestAChangeIsSeenByTheNextQuery(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(5, 6))}
	r := linkage.New(linkage.Default())
	c.fill(r, 20000)
	someone := c.person()
	has := func(id casework.PersonID) bool {
		return slices.ContainsFunc(r.Find(someone, linkage.ReviewThreshold), func(c linkage.Candidate) bool { return c.Person == id })
	}
	r.Put(20001, someone)
	if !has(20001) || r.Len() != 20001 {
		t.Errorf("a person put on the register is not found (%d people)", r.Len())
	}
	r.Put(20001, c.person())
	if has(20001) {
		t.Error("a person is found by what was true before")
	}
	r.Put(20001, someone)
	r.Remove(20001)
	if has(20001) || r.Len() != 20000 {
		t.Errorf("a person taken off the register is still found (%d people)", r.Len())
	}
}

func TestARegisterThatChangedAnswersLikeOneBuiltAfresh(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(8, 9))}
	changed, fresh := linkage.New(linkage.Default()), linkage.New(linkage.Default())
	people := c.fill(changed, 1500)
	for k := range people {
		switch c.r.IntN(4) {
		case 0:
			people[k] = c.person()
			changed.Put(casework.PersonID(k+1), people[k])
		case 1:
			changed.Remove(casework.PersonID(k + 1))
			changed.Put(casework.PersonID(k+1), people[k])
		}
	}
	fresh.PutAll(func(yield func(casework.PersonID, casework.Identity) bool) {
		for k, i := range people {
			if !yield(casework.PersonID(k+1), i) {
				return
			}
		}
	})
	for range 300 {
		query := c.heard(people[c.r.IntN(len(people))])
		a, _ := json.Marshal(changed.Find(query, linkage.ReviewThreshold))
		b, _ := json.Marshal(fresh.Find(query, linkage.ReviewThreshold))
		if !slices.Equal(a, b) {
			t.Fatal("the register that changed and the one built afresh answer differently")
		}
	}
}

func TestReadersAndAWriterShareTheRegister(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(10, 11))}
	r := linkage.New(linkage.Default())
	people := c.fill(r, 500)
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for _, p := range people[:200] {
				r.Find(p, linkage.ReviewThreshold)
			}
		}()
	}
	for k, p := range people[200:] {
		r.Put(casework.PersonID(1000+k), p)
		r.Remove(casework.PersonID(k + 1))
	}
	for range 4 {
		<-done
	}
	if r.Len() != 500 {
		t.Errorf("got %d people, want 500", r.Len())
	}
}

// BenchmarkChange says how long a change takes until the next query sees it.
// The mark is 10 ms.
func BenchmarkChange(b *testing.B) {
	c := crowd{rand.New(rand.NewPCG(5, 6))}
	r := linkage.New(linkage.Default())
	c.fill(r, 20000)
	someone := c.person()
	for b.Loop() {
		r.Put(20001, someone)
	}
}
