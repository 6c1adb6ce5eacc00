// What the scripts of clients share: their orders, and the mail of the pool.
import { createHmac } from 'node:crypto'

export const given = JSON.parse(process.argv[2])
export const mail = 'ada@example.org'

export async function codeFor(address) {
  const answer = await fetch(`${given.endpoint}/_outbox?wait=10&to=${encodeURIComponent(address)}`)
  const { messages } = await answer.json()
  return messages.at(-1).code
}

export async function forgetMail() {
  await fetch(`${given.endpoint}/_outbox`, { method: 'DELETE' })
}

export async function advance(seconds) {
  await fetch(`${given.endpoint}/_clock`, {
    method: 'POST',
    body: JSON.stringify({ advance_s: seconds }),
  })
}

async function now() {
  return (await (await fetch(`${given.endpoint}/_clock`)).json()).now
}

function fromBase32(text) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let bits = ''
  for (const letter of text) bits += letters.indexOf(letter).toString(2).padStart(5, '0')
  const bytes = []
  for (let i = 0; i + 8 <= bits.length; i += 8) bytes.push(parseInt(bits.slice(i, i + 8), 2))
  return Buffer.from(bytes)
}

// RFC 6238 with SHA-1, 30 s and six digits.
export async function appCode(secret) {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor((await now()) / 30)))
  const digest = createHmac('sha1', fromBase32(secret)).update(counter).digest()
  const offset = digest[19] & 15
  const number = (digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000
  return String(number).padStart(6, '0')
}

export function claims(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
}

export async function refused(work) {
  try {
    await work()
  } catch (error) {
    const kind = error.name === 'Error' ? error.constructor.name : error.name
    return `${error.code ?? kind}: ${error.message}`
  }
  return null
}

export function tell(found) {
  console.log(JSON.stringify(found))
}
