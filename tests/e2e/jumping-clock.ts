// Preloaded into a server (`node --import`) whose wall clock jumps while it runs: on SIGUSR2 it reads anew, from the file
// CLOCK_OFFSET_FILE, by how many milliseconds its clock is wrong.
import { readFileSync } from 'node:fs'

const file = process.env.CLOCK_OFFSET_FILE ?? ''
let offset = 0
process.on('SIGUSR2', () => {
  offset = Number(readFileSync(file, 'utf8'))
  process.stderr.write(`the clock is wrong by ${offset} ms\n`)
})

const RealDate = Date
const realNow = Date.now.bind(Date)
globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, self) =>
    Reflect.construct(target, values.length === 0 ? [realNow() + offset] : values, self),
  get: (target, name) => (name === 'now' ? () => realNow() + offset : Reflect.get(target, name)),
})
