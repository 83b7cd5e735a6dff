package linkage

import "strings"

// Names that one person goes by in turn: short forms, pet names, and the pairs
// of Welsh and English. A name may stand in several groups; two names are
// variants when they share one.
const forenameGroups = `
alexander alex al alec alek alasdair alistair sandy lex aleks alexandru aleksander
alexandra alex sandra alexa lexi lexie sasha ola
abigail abi abby abbie gail
adam ad addy
adrian ade
agnieszka aga agnes
albert al bert bertie
alan allan allen alun al
alfred alf alfie fred
alison ali aly allison alyson
amanda mandy manda
amelia amy millie milly
andrew andy drew andreas andras andrzej andrei
angela angie ange
angharad hari ann
ann anne anna annie ania hannah ana annette
anthony tony antony ant anton antoni
arthur art artie artur
ashley ash ashleigh
barbara barb babs basia
barnaby barney
benjamin ben benny benji
bernard bernie
beatrice bea trixie
bradley brad
brendan bren
bryan brian bryn
caitlin cait kate katelyn catrin
callum cal calum
cameron cam
caroline carol carrie caz
catherine catharine katherine kathryn kathrine kate katie kath kathy cath cathy kat kitty catrin cadi karen katarzyna kasia ecaterina kathleen
cerys ceri
ceri kerry keri
charles charlie chas chuck siarl karol carl
charlotte charlie lottie lotte char
chloe clo
christine chris chrissie tina christina kristina krystyna
christopher chris kit topher kris crispin cristopher krzysztof cristian christian
claire clare clair
clifford cliff
constance connie
connor conor con konnor
craig creg
cynthia cindy
daniel dan danny danni deiniol daniyel
danielle dani dan danni dany
darren daz dar darran
david dave davey davy dai dafydd dewi dawid taffy deio
deborah debra deb debs debbie debby
denis dennis den denny
dean deano
dominic dom nic
donald don donny
dorothy dot dottie dolly
douglas doug dougie
dylan dyl
edmund ed eddie ned ted
edward ed eddie ted teddy ned iorwerth edek eduard
eleanor ellie nell nellie elinor elen lenore elin
elizabeth eliza liz lizzie beth betty betsy libby bethan elsie lisa bess elisabeth elspeth elzbieta leusa
ellen elen nell ellie elin
emily em emmie millie
emma em ems
eric erik
ernest ernie
eugene gene
evan ifan ieuan iefan ewan euan evans
florence flo florrie
frances fran francesca frankie
francis frank frankie fran ffransis
frederick fred freddie freddy frederic
gabriel gabe gabi
gareth gaz gary garry gaz gar gari geraint
gavin gav
gemma gem jemma
geoffrey geoff jeff jeffrey sieffre
george georgie sior siors jerzy gheorghe
georgina georgie gina georgia
gerald gerry jerry gerallt
gerard gerry jerry
gillian gill jill jillian gilly
glyn glynn
graham grahame graeme gray
gregory greg gregor grzegorz
gwendolyn gwen gwenda gwenllian
gwenllian gwen llio
gwyneth gwyn gwen
harold harry hal
harriet hattie harri
harry harri henry hal harrison
helen elen nell ellen nellie helena elena
henry harry hal hank harri henri henryk
howard howie hywel howell
hubert bert
hugh huw hew hughie hugo
hywel howell hywell
ian iain iwan ion
isabel isabella isobel izzy bella isabelle issy
iwan ian ifan ieuan ivan owain
jack jac jackie john jake jacek
jacob jake jac jakub jack iago
jacqueline jackie jacqui jac
jaime jamie
james jim jimmy jamie jem iago jimi jas
jane sian jayne janie jean
janet jan jannette siani
janice jan
jason jase jay jayson
jennifer jen jenny jenni jenna siwan
jeremy jez jerry jem
jessica jess jessie
joan sioned siwan jo
joanne jo joanna jojo joann joanie asia
john johnny jon jonny jack johnnie jonathan
john sion ioan ieuan ifan evan
john sean shaun
john ian ion jan ioan
jonathan jon jonny jono john jonathon nathan
jordan jord jordy
joseph joe joey jo josef jozef iosif
josephine jo josie
joshua josh
joyce joy
judith judy jude
julia julie jules
julian jules
justin just
karen kaz karin karon
keith kei
kelly kel kellie
kenneth ken kenny
kevin kev
kieran keiran kieron keiron ciaran
kimberley kim kimberly kimmy
kirsty kirstie kirsten
kyle kai
laura laurie lora loz
lauren laurie loz
lawrence laurence larry laurie loz lawrie
leanne lea leigh leeanne
lee leigh
leonard len lenny leo
leslie les lesley
lewis lew louis lou
liam will william
lillian lily lil lillie
linda lynda lin lyn lindy
llewelyn llewellyn llywelyn lew llew lyn lyn lewelyn
lloyd loyd
lorraine lori lorri
louise lou lulu
lucy luce lucie
luke lucas luc lukasz luca
lynne lyn lynn lynette linda
malcolm mal
madeleine maddie maddy madeline
marcus marc mark marek
margaret maggie meg megan marge margie peggy madge greta daisy mair mags malgorzata gosia rita marged mererid
mark marc marcus marek
martin mart marty martyn marcin
mary mair mari molly polly may maria marie maryam mia
marie maria mari mary
matthew matt matty mathew mat mateusz matei
maureen mo
maurice mo morris meurig
maxwell max
maximilian max
megan meg meghan
melanie mel
melissa mel lissa
meredith meredydd mered
michael mike mick micky mickey mikey mihangel meical michal mihai mitch
michelle shell chelle mich
mitchell mitch
mohammed mohammad mohamed muhammad muhammed mohamad mo mohd md mehmet mahomed mohamud
morgan morg
natalie nat natalia tally
natasha tash tasha nat
nathan nath nate nathaniel nat
nathaniel nat nath nate
neil neal niall nigel
nicholas nick nicky nic nico nicolas mikolaj nicolae
nicola nicky nic nikki nicole nikola
nigel nige
norman norm
oliver ollie oli olly
olivia liv livvy ollie
oscar oz
osian oz ossie
owen owain owe ow
pamela pam
patricia pat patsy trish tricia trisha patty
patrick pat paddy padraig patryk
paul pawel pol paulie pal
penelope pen penny
peter pete pedr piotr petru petra
philip phil phillip pip philippe ffilip
philippa pip pippa phil
rachel rach rachael rae
raymond ray
rebecca becky becca bex beca becki
reece rhys rees reese rhis
reginald reg reggie
rhiannon rhi rhian ann
rhian rhi rhiannon
rhodri rod roddy roderick
rhonda ron ronnie
richard dick rich richie rick ricky rickie dicky rhisiart ryszard
robert rob robbie bob bobby robin bert rupert robbie rhobert
roderick rod roddy rhodri
rodney rod
roger rog
ronald ron ronnie
rosemary rose rosie
russell russ
ryan ry
samantha sam sammy sammie
samuel sam sammy
sandra sandy sand
sarah sara sally sadie sal
sean shaun shawn john
sebastian seb bas
sharon shaz shar
shannon shan
sheila sheelagh shelagh
shirley shirl
simon si sim
sian jane shan
sioned janet
sophie sophia sofia soph zofia
stacey stacy stace
stephanie steph stef stephie
stephen steven steve stevie ste stefan steffan szczepan stef
stuart stewart stu stew
susan sue susie suzy suzanne susanna suzie su zuzanna
tamara tammy
teresa theresa terri tess terry tracy
terence terry terrence tel
theodore theo ted teddy
thomas tom tommy tomos twm tomas tomasz thom toma
timothy tim timmy
toby tobias tobi
tomasz tom tomek thomas
tracey tracy trace
trevor trev trefor
tristan tris trystan
valerie val
vanessa nessa van
veronica ronnie vera
victor vic wiktor
victoria vicky vicki vikki tori vic
vincent vince vinny vin
vivian viv vivien
walter wally walt gwallter
wayne way
william will bill billy willy wil gwilym gwil wills willie
yusuf yousef yousuf josef joseph
yvonne eve
zachary zac zach zak
zoe zo
ahmed ahmad ahmet
ali aly
abdul abdullah abd abdel
hussain hussein husain husayn hossain
hassan hasan
ibrahim abraham ebrahim
ismail ishmael
yasmin jasmine yasmine
aleksandra ola alexandra
malgorzata gosia margaret
wojciech wojtek adalbert
stanislaw stan staszek stanley
stanley stan
jakub kuba jacob james
katarzyna kasia kate
magdalena magda lena
joanna asia
ionut ion ioan ionel
gheorghe george gigi
stefan stephen stefan steve
mihai michael misu
andrei andrew
`

// Surnames that are one in Welsh and English, or in common misspelling.
const surnameGroups = `
davies davis davys davey dafis
evans ifans evan ieuan bevan
jones johns johnes
hughes huws hewes hughs
howell howells hywel powell
lewis louis lewes
llewellyn llewelyn llywelyn lewellyn lewelyn
lloyd loyd floyd
maddocks maddox madoc
meredith meredydd maredydd
morris maurice morrice meurig
owen owens owain bowen
parry harry parri
phillips philips phillip philip
pierce pearce peirce pearse pierse
price pryce prys rice
pritchard prichard richards richard
rees reece rhys reese rice preece
reynolds rheinallt
roderick prothero rhodri
stephens stevens stephen steven steffan
thomas tomos thomson tomas
watkins watkin gwatkin
williams william wiliams gwilym williamson
clark clarke
brown browne
smith smyth smythe
taylor tayler tailor
green greene
white whyte
gray grey
allen allan alan
read reid reed
shaw shore
nichols nicholls nicholas nicholls
matthews mathews matthew mathias
griffith griffiths gruffydd griffin
gwyn wynne wynn gwynne
vaughan fychan vaughn
cain kane
connor oconnor connors conner
brien obrien bryan
neill oneill neil oneil neal
donald macdonald mcdonald mcdonnell
hussain hussein husain hossain
khan kahn
ahmed ahmad
mohammed mohammad mohamed muhammad
kowalski kowalska kovalski
nowak novak
`

// groups maps a name to the groups it stands in.
type groups map[string][]uint16

func readGroups(text string) groups {
	g := groups{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, name := range strings.Fields(line) {
			name = fold(name)
			has := g[name]
			if len(has) == 0 || has[len(has)-1] != uint16(i+1) {
				g[name] = append(has, uint16(i+1))
			}
		}
	}
	return g
}

// members lists each group's names.
func (g groups) members(text string) [][]string {
	var out [][]string
	out = append(out, nil) // groups are numbered from one
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		out = append(out, strings.Fields(fold(line)))
	}
	return out
}

var (
	forenames       = readGroups(forenameGroups)
	surnames        = readGroups(surnameGroups)
	forenameMembers = forenames.members(forenameGroups)
)

func share(a, b []uint16) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}
