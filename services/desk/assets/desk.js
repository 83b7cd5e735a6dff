// Everything works without this. It adds the components' behaviour, and keeps
// counts up to date.
import { initAll } from '/assets/govuk-frontend.min.js'

initAll()
