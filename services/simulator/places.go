package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// area is a PDU with its share of the people and its postcode districts.
type area struct {
	casework.PDU
	share     float64
	districts []string
	lsoa      int // the first of its statistical areas, as far as the simulator goes
}

var areas = func() []area {
	where := map[string]area{
		"WPTNWS": {share: .22, lsoa: 1, districts: words("LL11 LL12 LL13 LL14 LL18 LL19 LL20 LL22 LL28 LL29 LL30 LL31 LL40 LL49 LL53 LL55 LL57 LL65 LL77 CH5 CH6 CH7 CH8")},
		"N03SW1": {share: .20, lsoa: 1700, districts: words("CF3 CF5 CF10 CF11 CF14 CF15 CF23 CF24 CF62 CF63 CF64 CF71")},
		"WPTGWT": {share: .19, lsoa: 1400, districts: words("NP4 NP7 NP10 NP11 NP12 NP13 NP16 NP18 NP19 NP20 NP22 NP23 NP24 NP44 CF81 CF82 CF83")},
		"N03CTM": {share: .15, lsoa: 1100, districts: words("CF31 CF32 CF33 CF34 CF36 CF37 CF38 CF39 CF40 CF41 CF42 CF43 CF44 CF45 CF47 CF48 CF72")},
		"N03SNT": {share: .13, lsoa: 750, districts: words("SA1 SA2 SA3 SA4 SA5 SA6 SA7 SA8 SA10 SA11 SA12 SA13")},
		"WPTWES": {share: .11, lsoa: 450, districts: words("SA14 SA15 SA16 SA17 SA18 SA19 SA20 SA31 SA38 SA43 SA44 SA48 SA61 SA62 SA65 SA67 SA70 SA71 SA72 SA73 SY16 SY20 SY21 SY23 LD1 LD3 LD7")},
	}
	var all []area
	for _, p := range casework.WelshPDUs() {
		a := where[p.Code]
		a.PDU = p
		all = append(all, a)
	}
	return all
}()

func words(s string) []string { return strings.Fields(s) }

// areasOf are the PDUs that a force polices.
func areasOf(force string) []int {
	var all []int
	for i, a := range areas {
		if a.Force == force {
			all = append(all, i)
		}
	}
	return all
}

// anyArea picks one by the people it has.
func anyArea(r *rand.Rand) int {
	x := r.Float64()
	for i, a := range areas {
		if x -= a.share; x < 0 {
			return i
		}
	}
	return len(areas) - 1
}

const inwardLetters = "ABDEFGHJLNPQRSTUWXYZ"

// postcode makes one of a district. A district has about 1,600 of them here, so
// that some are shared.
func postcode(r *rand.Rand, district string) string {
	return fmt.Sprintf("%s %d%c%c", district, 1+r.IntN(4), inwardLetters[r.IntN(20)], inwardLetters[r.IntN(20)])
}

var (
	streetNames = words(`Station Church Park Mill Bridge Castle Victoria Albert Chapel School Commercial Market River Garden Orchard Cambrian
Glyndwr Gwalia Tudor Windsor Clifton Brynhyfryd Alexandra Caradog Morfa Ffordd Highfield Meadow Oak Ash Cedar Lime Rowan Hazel
Lake Quarry Colliery Dock Harbour Tramway Railway Canal Monmouth Pembroke Harlech Conway Snowdon Brecon Gower Neath Usk Wye Taff Teifi`)
	streetKinds = words("Street Road Close Avenue Terrace Crescent Place Drive Court Way")
	welshKinds  = words("Heol Maes Bryn Llys Ffordd Clos Cae Pen Tan Rhes")
	welshPlaces = []string{"y Felin", "yr Eglwys", "y Parc", "Gwyn", "y Dderwen", "yr Afon", "y Bont", "y Coed", "Hyfryd", "y Castell", "yr Orsaf", "y Môr", "Newydd", "y Garreg", "y Llan", "Isaf", "Uchaf", "y Gog"}
)

func street(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return one(r, welshKinds) + " " + one(r, welshPlaces)
	}
	return one(r, streetNames) + " " + one(r, streetKinds)
}

func address(r *rand.Rand) string {
	a := fmt.Sprintf("%d %s", 1+r.IntN(160), street(r))
	if r.IntN(6) == 0 {
		a = fmt.Sprintf("Flat %d, %s", 1+r.IntN(24), a)
	}
	return a
}

func home(r *rand.Rand, in int) casework.Place {
	return casework.Place{Address: address(r), Postcode: postcode(r, one(r, areas[in].districts))}
}
