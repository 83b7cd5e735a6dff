package simulator

import (
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
)

// The names are lists of our own, with weights that follow how often names are
// met in Wales: a handful of surnames covers a third of the people, and a long
// tail is met once or twice.

// commonSurnames have a weight each, in ten-thousandths of the people.
const commonSurnames = `
Jones 905 Davies 612 Williams 585 Thomas 432 Evans 402 Lewis 241 Hughes 232 Morgan 214 Griffiths 190 Edwards 164
Roberts 158 Owen 149 James 141 Morris 133 Rees 126 Price 112 Jenkins 105 Phillips 98 Harris 92 Richards 82
Lloyd 78 Parry 70 Powell 65 Hopkins 58 Bowen 55 Watkins 54 Howells 52 Harries 49 Rowlands 48 Vaughan 47
Pritchard 44 Davis 43 Ellis 41 Jarvis 20 Humphreys 38 Pugh 36 Llewellyn 34 Bevan 32 Matthews 31 Rogers 30
Thorne 9 Probert 27 Prosser 26 Francis 25 Beynon 24 Nicholas 23 Samuel 22 Mathias 20 Meredith 20 Gwynne 9
Charles 19 George 19 Daniel 18 Protheroe 17 Bebb 8 Tudor 10 Gittins 9 Cadwallader 7 Breeze 7 Bowens 3
Smith 96 Brown 42 Taylor 40 Wilson 31 Johnson 30 White 27 Martin 26 Walker 25 Wood 24 Clarke 24
Hall 22 Green 22 Turner 20 Hill 20 Cooper 19 Ward 18 Moore 18 Baker 17 King 17 Allen 16
Carter 15 Mitchell 15 Bailey 14 Cook 14 Bennett 14 Shaw 13 Murphy 22 Sullivan 14 Collins 15 O'Brien 9
O'Connor 8 O'Neill 7 Donovan 9 Driscoll 8 Regan 7 McCarthy 12 MacDonald 6 McDonald 7 Kelly 14 Ryan 11
Campbell 10 Stewart 9 Scott 14 Young 13 Wright 19 Robinson 18 Thompson 18 Jackson 17 Harrison 13 Webb 11
Rees-Jones 3 Parry-Jones 4 Lloyd-Davies 3 Owen-Hughes 2 Price-Evans 2 Smith-Jones 2
Nowak 12 Kowalski 9 Wójcik 8 Wiśniewski 7 Kamiński 7 Lewandowski 6 Zieliński 6 Szymański 5 Dąbrowski 5 Kozłowski 4
Jankowski 4 Mazur 4 Krawczyk 4 Popescu 7 Ionescu 5 Popa 6 Dumitru 4 Stan 4 Radu 5 Munteanu 4
Constantin 4 Stoica 3 Țurcanu 2 Kovács 2 Horváth 2 Petrov 3 Ivanov 3 Santos 4 Silva 5 Ferreira 3
Ali 16 Khan 18 Ahmed 15 Hussain 13 Begum 4 Miah 8 Rahman 8 Uddin 7 Islam 5 Chowdhury 4
Hassan 7 Mohamed 8 Abdi 6 Omar 4 Yusuf 4 Warsame 3 Singh 9 Kaur 4 Patel 8 Nguyen 7
Tran 5 Le 3 Chen 4 Wong 3 Okafor 3 Adeyemi 3 Mensah 3 Ncube 2 Moyo 2 Osman 3`

// tailFirst and tailLast make the rest: names as of villages and trades.
const (
	tailFirst = `Ash Black Brad Bram Broad Burn Cald Carl Chad Chal Ches Clay Clif Col Cran Crom Dal Dar Den Dun
East Eccles Elm Farn Fen Fair Gar Glan Good Green Had Hal Ham Har Haw Hazel Hey High Hol Horn
Hut Ing Kel Kem Kirk Lam Lang Lei Lin Lock Long Lud Mal Mar Mel Mid Mil Mor New Nor
North Oak Old Pem Pen Pick Pres Rad Ram Red Rom Rush Sax Shel Ship Sil Stan Stoke Strat Sut
Tal Tan Thorn Til Tre Wake Wal Ward War Wat Wel West Whit Wick Wil Win Wood Wool Wyn York`
	tailLast = `ton ley field ford worth well wood by ham combe bridge bourne don shaw stead wick ing man son land
more hurst gate bury cliffe croft dale er ett head house kin ling low mere mouth over pool port
ridge row side smith stock stone street thorpe tree wall ward water way wright yard er-Lee dean ster cott`
)

const maleNames = `
David 398 John 330 Michael 325 Christopher 318 Daniel 302 Paul 295 James 290 Andrew 285 Matthew 270 Thomas 256
Mark 235 Robert 222 Gareth 218 Stephen 205 Craig 190 Ryan 182 Lee 176 Richard 170 Rhys 160 Jason 147
Liam 142 Steven 138 Jack 132 Joshua 128 Jamie 125 Anthony 120 Jordan 116 William 112 Adam 108 Nathan 104
Kyle 98 Aaron 95 Darren 93 Dylan 90 Peter 88 Wayne 85 Luke 82 Samuel 80 Kieran 76 Ashley 74
Kevin 72 Dean 70 Benjamin 68 Simon 66 Connor 64 Carl 62 Callum 60 Owen 58 George 56 Jake 54
Shane 50 Ian 48 Gavin 46 Joseph 44 Neil 42 Sean 40 Dafydd 40 Owain 36 Alan 34 Reece 32
Stuart 30 Philip 30 Iwan 28 Huw 27 Edward 26 Tomos 25 Rhodri 22 Ieuan 20 Hywel 18 Geraint 17
Emlyn 8 Gethin 14 Tyrone 12 Nigel 12 Glyn 11 Siôn 11 Emyr 9 Llewelyn 7 Gwilym 6 Meirion 5
Macsen 3 Steffan 9 Ifan 8 Elis 7 Osian 8 Alun 8 Trystan 4 Aled 10 Dewi 8 Idris 5
Mohammed 36 Mohamed 18 Muhammad 17 Ahmed 12 Ali 14 Omar 12 Hassan 11 Ibrahim 9 Yusuf 9 Abdul 14
Imran 7 Tariq 5 Tomasz 12 Piotr 11 Łukasz 10 Krzysztof 7 Paweł 7 Marcin 6 Grzegorz 4 Andrei 10
Ionuț 8 Florin 6 Mihai 5 Ștefan 3 Gheorghe 3 Minh 5 Van 4 Harpreet 3 Kwame 2 Chidi 2`

const femaleNames = `
Sarah 420 Emma 395 Megan 340 Jessica 320 Claire 310 Laura 305 Kelly 300 Gemma 290 Lisa 285 Rebecca 275
Samantha 262 Rachel 255 Amy 248 Michelle 235 Joanne 220 Chloe 215 Jade 205 Stacey 195 Hayley 185 Zoe 175
Nicola 170 Natalie 165 Rhiannon 150 Kathryn 140 Hannah 136 Kirsty 130 Danielle 126 Bethan 120 Sharon 112 Donna 108
Kayleigh 104 Victoria 100 Charlotte 96 Elizabeth 94 Leanne 90 Carys 80 Nia 74 Catherine 72 Julie 70 Katherine 66
Siân 62 Shannon 60 Ffion 54 Maria 50 Cerys 48 Susan 46 Tracey 44 Karen 42 Paige 40 Elin 36
Angharad 32 Toni 28 Catrin 28 Fatima 16 Mair 14 Aisha 14 Ioana 10 Lowri 16 Agnieszka 10 Gwenllian 8
Heledd 6 Eleri 9 Eirlys 4 Menna 4 Katarzyna 7 Małgorzata 4 Elena 6 Amina 6 Zainab 4 Nasreen 3`

// nicknames are short and familiar forms, by the name in the record.
var nicknames = pairs(`
David Dave|Davey|Dai Michael Mike|Mick|Mikey Christopher Chris|Kit Daniel Dan|Danny James Jim|Jimmy|Jamie Andrew Andy|Drew
Matthew Matt|Matty Thomas Tom|Tommy Robert Rob|Bob|Robbie|Bobby Gareth Gaz|Gar Stephen Steve|Ste Steven Steve|Stevie Richard Rich|Rick|Dick
Joshua Josh Anthony Tony|Ant William Will|Bill|Billy|Liam Nathan Nate Samuel Sam|Sammy Benjamin Ben|Benny Joseph Joe|Joey Edward Ed|Ted|Eddie
Philip Phil Geraint Ger Mohammed Mo Muhammad Mo Mohamed Mo Peter Pete Kevin Kev Simon Si Jordan Jord Nicholas Nick Gavin Gav
Sarah Sal|Sally Rebecca Becky|Becca|Bex Jessica Jess Samantha Sam Rachel Rach Michelle Shell Joanne Jo Natalie Nat Nicola Nicky|Nic
Kathryn Kath|Kate|Katie Katherine Kath|Kate|Katie Catherine Cath|Cathy Elizabeth Liz|Beth|Lizzie Victoria Vicky|Tori Danielle Dani Charlotte Charlie|Lottie
Bethan Beth Kayleigh Kay Susan Sue|Suzie Leanne Lea Tracey Trace Hayley Hales Agnieszka Aga Katarzyna Kasia Tomasz Tomek Krzysztof Krzys Grzegorz Greg`)

// counterparts are Welsh and English forms of one name, either way round.
var counterparts = bothWays(pairs(`
Dafydd David Siôn John Ieuan Evan|Ifan Llewelyn Llywelyn|Llewellyn Rhys Reece|Rees Owain Owen Tomos Thomas Iwan Ewan Huw Hugh Gwilym William
Steffan Stephen Elis Ellis Siân Jane|Sian Catrin Catherine|Kathryn Mair Mary Megan Meg Elin Ellen Ffion Fiona Mohammed Muhammad|Mohamed|Mohammad
Ioan John Hywel Howell Emyr Emir`))

var (
	surnames = weighted(commonSurnames)
	males    = weighted(maleNames)
	females  = weighted(femaleNames)
	firsts   = strings.Fields(tailFirst)
	lasts    = strings.Fields(tailLast)
)

// tailShare is how many people have a surname of the tail.
const tailShare = 0.20

func surname(r *rand.Rand) string {
	if r.Float64() >= tailShare {
		return surnames.pick(r)
	}
	// Squared, so that some of the tail is less rare than the rest.
	a, b := r.Float64(), r.Float64()
	return firsts[int(a*a*float64(len(firsts)))] + lasts[int(b*b*float64(len(lasts)))]
}

func forename(r *rand.Rand, female bool) string {
	if female {
		return females.pick(r)
	}
	return males.pick(r)
}

// weights picks a name as often as it is met.
type weights struct {
	names []string
	until []int
}

func weighted(list string) weights {
	var w weights
	total := 0
	words := strings.Fields(list)
	for i := 0; i+1 < len(words); i += 2 {
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			panic("simulator: a name without a weight")
		}
		total += n
		w.names, w.until = append(w.names, words[i]), append(w.until, total)
	}
	return w
}

func (w weights) pick(r *rand.Rand) string {
	n := r.IntN(w.until[len(w.until)-1])
	return w.names[sort.SearchInts(w.until, n+1)]
}

func pairs(list string) map[string][]string {
	m := map[string][]string{}
	words := strings.Fields(list)
	for i := 0; i+1 < len(words); i += 2 {
		m[words[i]] = append(m[words[i]], strings.Split(words[i+1], "|")...)
	}
	return m
}

func bothWays(m map[string][]string) map[string][]string {
	all := map[string][]string{}
	for a, bs := range m {
		for _, b := range bs {
			all[a] = append(all[a], b)
			all[b] = append(all[b], a)
		}
	}
	for _, names := range all {
		sort.Strings(names) // a map's order is not the same every time
	}
	return all
}

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }
