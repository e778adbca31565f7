// A peer that speaks OTR through npm's otr, driven over standard input: see ../peer.c for the
// commands and answers.
//
// Usage: node peer.js KEYFILE ACCOUNT PROTOCOL VERSIONS
'use strict'

// The library sends by timers; run by hand, all is said when "done" is printed.
const timers = []
global.setTimeout = (run) => timers.push(run)
function runTimers() {
  while (timers.length > 0) timers.shift()()
}

const fs = require('fs')
const readline = require('readline')
const { OTR, DSA } = require('otr')

const [keyFile, , , versions] = process.argv.slice(2)

// The numbers of a file of libotr in the form that the library itself writes.
function readKey(text) {
  const number = (name) => {
    const hex = text.match(new RegExp('\\(' + name + '\\s+#([0-9A-Fa-f]+)#'))[1].replace(/^(00)+/, '')
    const bytes = Buffer.from(hex, 'hex')
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const numbers = ['p', 'q', 'g', 'y', 'x'].map(number)
  return DSA.parsePrivate(Buffer.concat([Buffer.from([0, 0]), ...numbers]).toString('base64'))
}
const key = readKey(fs.readFileSync(keyFile, 'utf8'))

function hex(bytes) {
  return Buffer.from(bytes).toString('hex')
}
function unhex(text) {
  return Buffer.from(text || '', 'hex')
}
// Gives nothing back: a listener of the library that returns true is called no more.
function say(...words) {
  process.stdout.write(words.join(' ') + '\n')
}

// Our own end is reported like the other side's.
let ending = false
// One serves for one session: it keeps its old keys after the end.
let over = false
let peer = begin()

function begin() {
  const made = new OTR({ priv: key })
  made.ALLOW_V2 = versions.includes('2')
  made.ALLOW_V3 = versions.includes('3')
  made.on('io', (message) => say('inject', hex(Buffer.from(message, 'latin1'))))
  made.on('ui', (text, encrypted) => {
    const way = encrypted ? 'private' : 'plain'
    say('show', way, hex(Buffer.from(text, encrypted ? 'utf8' : 'latin1')))
  })
  made.on('error', (words) => {
    const refused = /^Not ready|cannot be sent/.test(words)
    say('event', refused ? 'cannot-send' : 'trouble', hex(String(words)))
  })
  made.on('status', (status) => {
    if (status === OTR.CONST.STATUS_AKE_SUCCESS) {
      say('event', 'secure', hex(Buffer.from(made.ssid, 'latin1')))
    } else if (status === OTR.CONST.STATUS_END_OTR) {
      over = true
      if (!ending) say('event', 'disconnected')
    }
  })
  made.on('smp', (kind, data) => {
    if (kind === 'question' && data) say('event', 'smp-question', hex(Buffer.from(data, 'utf8')))
    else if (kind === 'question') say('event', 'smp-ask')
    else if (kind === 'trust') say('event', data ? 'smp-same' : 'smp-different')
    else if (kind === 'abort') say('event', 'smp-aborted')
  })
  return made
}

function obey([command, first, second]) {
  const text = unhex(first).toString('utf8')
  switch (command) {
    case 'recv': peer.receiveMsg(unhex(first).toString('latin1')); break
    case 'send': peer.sendMsg(text); break
    case 'query': peer.sendQueryMsg(); break
    case 'smp': peer.smpSecret(text, second && unhex(second).toString('utf8')); break
    case 'answer': peer.smpSecret(text); break
    case 'end':
      ending = true
      peer.endOtr()
      runTimers()
      ending = false
      break
    default: process.exit(0)
  }
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  obey(line.split(' '))
  runTimers()
  if (over) peer = begin()
  over = false
  say('done')
})
