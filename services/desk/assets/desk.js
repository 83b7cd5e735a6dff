// Everything works without this. It adds the components' behaviour, and keeps
// counts up to date for as long as the page is looked at.
import { initAll } from '/assets/govuk-frontend.min.js'

initAll()

// On a phone the list comes first: filters fold, unless something in them is wrong.
if (matchMedia('(max-width: 48rem)').matches) {
  for (const filter of document.querySelectorAll('.desk-filter')) filter.open = filter.querySelector('.govuk-error-message') !== null
}

// One tick for all of a page's matches. Without this script there is none.
const all = document.querySelector('.desk-all')
if (all) {
  const ticks = document.querySelectorAll('input[name=match]')
  all.hidden = false
  all.querySelector('input').addEventListener('change', (e) => ticks.forEach((tick) => { tick.checked = e.target.checked }))
}

const shown = document.querySelectorAll('[data-count]')
if (shown.length > 0 && window.ReadableStream) {
  const narrowed = document.querySelector('[data-live]')?.dataset.live ?? ''
  const still = document.querySelector('.desk-still')
  let stream, again, failed = 0, over = false

  // While counts stand still it says so, and why.
  const say = (why) => {
    const text = why ? still.dataset[why] : ''
    if (still.textContent !== text) still.textContent = text
  }
  const show = (counts) => {
    for (const element of shown) {
      const text = counts[element.dataset.count]
      if (text !== undefined && element.textContent !== text) element.textContent = text
    }
    failed = 0
    say()
  }
  // To read it ourselves, and not by an EventSource, tells why a stream ended.
  const read = async (answer, quiet) => {
    const reader = answer.body.getReader(), text = new TextDecoder()
    for (let rest = ''; ;) {
      const { done, value } = await reader.read()
      if (done) return
      quiet()
      const events = (rest + text.decode(value, { stream: true })).split('\n\n')
      rest = events.pop()
      for (const event of events) if (event.startsWith('data: ')) show(JSON.parse(event.slice(6)))
    }
  }
  const start = async () => {
    const mine = stream = new AbortController()
    clearTimeout(again)
    again = undefined
    let silence, wait
    const quiet = () => { // the server says something every half a minute
      clearTimeout(silence)
      silence = setTimeout(() => mine.abort(), 90_000)
    }
    quiet()
    try {
      const answer = await fetch('/live?' + narrowed, { signal: mine.signal, headers: { accept: 'text/event-stream' } })
      if (answer.ok) await read(answer, quiet)
      else if (answer.status === 429) wait = 60
      else if (answer.status < 500) over = true
    } catch { /* as good as an end */ }
    clearTimeout(silence)
    if (stream !== mine) return // nobody looks any more
    stream = undefined
    if (over) return say('signedout')
    failed++
    if (wait) say('many')
    else if (failed > 1) say('lost')
    // Many pages that lost the same server do not all come back at once.
    again = setTimeout(start, 1000 * (wait ?? Math.min(60, 2 ** (failed - 1))) * (1 + Math.random() / 2))
  }
  const stop = () => {
    clearTimeout(again)
    again = undefined
    stream?.abort()
    stream = undefined
  }
  // A page that nobody looks at leaves its connection to those that somebody does.
  const look = () => {
    if (document.hidden) stop()
    else if (!stream && !over) start()
  }
  addEventListener('visibilitychange', look, true)
  addEventListener('online', look)
  addEventListener('pageshow', look)
  addEventListener('pagehide', stop)
}
