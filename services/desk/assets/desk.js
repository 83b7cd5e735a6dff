// Everything works without this. It adds the components' behaviour, and keeps
// counts up to date for as long as the page is looked at.
import { initAll } from '/assets/govuk-frontend.min.js'

initAll()

// On a phone the list comes first: filters fold, unless something in them is wrong.
if (matchMedia('(max-width: 48rem)').matches) {
  for (const filter of document.querySelectorAll('.desk-filter')) filter.open = filter.querySelector('.govuk-error-message') !== null
}

const shown = document.querySelectorAll('[data-count]')
if (shown.length > 0 && 'EventSource' in window) {
  let stream
  const stop = () => {
    stream?.close()
    stream = undefined
  }
  // A page that is one too many, or whose session ended, stays as it is.
  const end = () => {
    stop()
    removeEventListener('visibilitychange', look, true)
  }
  const start = () => {
    stream = new EventSource('/live')
    stream.onmessage = ({ data }) => {
      const counts = JSON.parse(data)
      for (const element of shown) {
        const text = counts[element.dataset.count]
        if (text !== undefined && element.textContent !== String(text)) element.textContent = text
      }
    }
    stream.addEventListener('end', end)
    // Asking again would keep the session alive with nobody there.
    stream.onerror = end
  }
  // A page that nobody looks at leaves its connection to those that somebody does.
  const look = () => {
    if (document.hidden) stop()
    else if (!stream) start()
  }
  addEventListener('visibilitychange', look, true)
  addEventListener('pagehide', stop)
  look()
}
