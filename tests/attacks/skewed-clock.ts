// Preloaded into a server (`node --import`) whose wall clock is to be wrong by CLOCK_OFFSET_MS milliseconds.

const offset = Number(process.env.CLOCK_OFFSET_MS)
const RealDate = Date
const realNow = Date.now.bind(Date)

globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, self) =>
    Reflect.construct(target, values.length === 0 ? [realNow() + offset] : values, self),
  get: (target, name) => (name === 'now' ? () => realNow() + offset : Reflect.get(target, name)),
})
