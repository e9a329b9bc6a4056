import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { failure, type Status } from '../../../core/kube/index.ts'
import type { Call, EndReason } from './call.ts'
import type { Dialler } from './dial.ts'
import { endOf, reasonOf } from './ended.ts'
import { explainFailure, notPassedOn } from './explain.ts'
import type { TransportLimits } from './limits.ts'
import { renderHead, replyOnSocket, replyStatusOnSocket } from './reply.ts'
import { addedHeaders, allValues, responseLines, safetyHeaders } from './response-head.ts'
import { type Upgrade, upgradeToken, websocketAccept } from './upgrade-request.ts'
import { closeFrame, createFrameFollower } from './websocket-frames.ts'

export interface TunnelSettings {
  readonly limits: TransportLimits
  readonly dialler: Dialler
  /** For the Host line. */
  readonly authority: string
  /** Gives back the place among the open streams; called once. */
  readonly release: () => void
}

/**
 * An upgrade (exec, attach, port-forward) over a connection of its own, used for nothing else before or after.
 *
 * The client is told 101 only after the cluster's own 101 has been checked; until then what the client sends is held.
 * Any other answer is passed on as an ordinary one and both sides are closed, so that nobody can go on talking to the API
 * server over a connection on which Palisade's credential was accepted (CVE-2018-1002105).
 */
export function tunnel(call: Call, client: Duplex, early: Buffer, settings: TunnelSettings): void {
  const { limits, dialler, authority, release } = settings
  const asked = call.head.upgrade
  if (asked === undefined) throw new Error('an upgrade was handed over whose head asks for none')
  const isProxied = call.info.subresource === 'proxy'
  const gaveUp = new AbortController()
  let phase: 'asking' | 'replied' | 'joined' | 'leaving' | 'over' = 'asking'
  /** Where a word of ours may stand between the cluster's. */
  const frames = asked.kind === 'websocket' ? createFrameFollower() : undefined
  let cluster: Duplex | undefined
  let answerTimer: NodeJS.Timeout | undefined
  let status = 0
  let bytesIn = 0
  let bytesOut = 0
  let reason: EndReason = 'complete'
  let detail: string | undefined

  prepare(client)
  // A rejection is dealt with where it is awaited, which may be never.
  call.recorded?.catch(() => {})
  client.on('error', () => fail('client_closed', 'connection error'))
  client.on('close', () => {
    if (phase === 'asking') fail('client_closed', undefined)
    finishIfClosed()
  })
  const held = holdBack(client, early, limits.earlyBytes, () => {
    fail('client_closed', undefined)
    client.destroy()
  })

  // Deciding took a moment; a client that left meanwhile says so no more.
  if (client.destroyed) {
    fail('client_closed', undefined)
    finishIfClosed()
    return
  }
  const gone = endOf(call)
  if (gone !== undefined) {
    refuse(gone, 'ended', reasonOf(call.signal))
    return
  }
  call.signal.addEventListener('abort', onSignal)
  dialler.dial(gaveUp.signal).then(ask).catch(onFailure)

  /** Nothing has been answered, and nothing has gone wrong. */
  function isAsking(): boolean {
    return phase === 'asking' && reason === 'complete'
  }

  function ask(socket: Duplex): void {
    cluster = socket
    socket.on('close', finishIfClosed)
    if (!isAsking()) {
      socket.destroy()
      return
    }
    const upstreamRequest = httpRequest({
      createConnection: () => socket,
      method: call.head.method,
      path: call.upstream.basePath + call.target.requestTarget,
      headers: requestLines(call, authority, asked!), // checked at the top
      setHost: false,
      maxHeaderSize: limits.responseHeadBytes,
    })
    answerTimer = setTimeout(() => onFailure(new AnswerTimeout()), limits.headersMs)
    upstreamRequest.on('error', onFailure)
    upstreamRequest.on('upgrade', (response, upgraded, first) => {
      onUpgrade(response, upgraded, first).catch(onFailure)
    })
    upstreamRequest.on('response', onResponse)
    upstreamRequest.end()
  }

  async function onUpgrade(response: IncomingMessage, upgraded: Duplex, first: Buffer): Promise<void> {
    clearTimeout(answerTimer)
    const lines = upgradeLines(response, asked!) // checked at the top
    if (typeof lines === 'string') return onFailure(new BadUpgrade(lines))
    try {
      await call.recorded
    } catch (cause) {
      call.log.lines().error({ cause, cluster: call.upstream.clusterUid }, 'a cluster call could not be recorded')
      const message = `the call could not be recorded, so it was not made (request ${call.requestId})`
      return refuse(failure(503, message), 'not_recorded', undefined)
    }
    if (!isAsking()) return
    const ended = endOf(call)
    if (ended !== undefined) return refuse(ended, 'ended', reasonOf(call.signal))
    if (upgraded.destroyed) throw new Error('the connection was closed after the upgrade')
    const head = renderHead(101, [...lines, ...addedHeaders(call, { status: 101, fromCluster: true }).flat()])
    phase = 'joined'
    status = 101
    client.write(head)
    join(upgraded, first)
  }

  /** Everything else than a 101: read whole, within bounds, passed on as an ordinary answer. */
  function onResponse(response: IncomingMessage): void {
    const code = response.statusCode ?? 0
    // Node takes a 101 without an Upgrade line for an ordinary answer; passed on it would still read as consent.
    if (code < 200) {
      onFailure(new BadUpgrade('a 101 that names no protocol'))
      return
    }
    const instead = notPassedOn(code, isProxied, call.requestId)
    if (instead !== undefined) {
      refuse(instead.status, instead.reason, instead.detail)
      return
    }
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limits.upgradeRefusalBytes) onFailure(new BadUpgrade('an answer without end'))
      else chunks.push(chunk)
    })
    response.on('error', onFailure)
    response.on('end', () => {
      clearTimeout(answerTimer)
      if (!isAsking()) return
      const ended = endOf(call)
      if (ended !== undefined) return refuse(ended, 'ended', reasonOf(call.signal))
      const own = [...safetyHeaders, ...addedHeaders(call, { status: code, fromCluster: true })]
      const lines = [...responseLines(response.rawHeaders), ...own.flat()]
      const body = Buffer.concat(chunks)
      phase = 'replied'
      status = code
      bytesOut = body.length
      cluster?.destroy()
      held.stop()
      replyOnSocket(client, code, lines, body)
    })
  }

  function join(upgraded: Duplex, first: Buffer): void {
    prepare(upgraded)
    upgraded.on('error', (error) => fail('upstream_failed', codeOf(error)))
    upgraded.on('close', finishIfClosed)
    cluster = upgraded
    const pieces = held.stop()
    for (const piece of pieces) {
      bytesIn += piece.length
      upgraded.write(piece)
    }
    if (first.length > 0) {
      bytesOut += first.length
      frames?.pass(first)
      client.write(first)
    }
    const linger = createLinger(client, upgraded, limits.halfOpenMs)
    pump(client, upgraded, linger, (chunk) => {
      bytesIn += chunk.length
    })
    pump(upgraded, client, linger, (chunk) => {
      bytesOut += chunk.length
      frames?.pass(chunk)
    })
  }

  function onSignal(): void {
    const why = reasonOf(call.signal)
    if (phase === 'asking') {
      const ended = endOf(call)
      if (ended !== undefined) refuse(ended, 'ended', why)
      return
    }
    if (phase === 'joined' && frames?.mayFollow() && client.writable && !client.writableNeedDrain) {
      leave(why)
      return
    }
    fail('ended', why)
    client.destroy()
  }

  /**
   * The cluster's side is closed at once. A WebSocket's client is told why, which browsers and kubectl show, and given a moment
   * to hear it.
   */
  function leave(why: string | undefined): void {
    const ended = endOf(call)
    phase = 'leaving'
    fail('ended', why)
    const lastWord = closeFrame(why === 'shutdown' ? goingAway : policyViolation, ended?.message ?? 'access has ended')
    const gone = setTimeout(() => client.destroy(), limits.lastWordMs)
    client.once('close', () => clearTimeout(gone))
    client.end(lastWord, () => client.destroy())
  }

  function onFailure(error: unknown): void {
    if (!isAsking()) return
    const explained =
      error instanceof BadUpgrade
        ? {
            status: failure(502, `the cluster answered the upgrade with ${error.message} (request ${call.requestId})`),
            reason: 'upstream_failed' as const,
            detail: error.message,
          }
        : error instanceof AnswerTimeout
          ? {
              status: failure(504, `the cluster did not answer in time (request ${call.requestId})`),
              reason: 'upstream_timeout' as const,
              detail: undefined,
            }
          : explainFailure(error, { requestId: call.requestId, isRead: false })
    const { clusterUid } = call.upstream
    call.log.lines().warn({ cause: error, cluster: clusterUid }, 'an upgrade to a cluster failed')
    refuse(explained.status, explained.reason, explained.detail)
  }

  /** Answers by ourselves; the cluster's side is closed first. */
  function refuse(answer: Status, why: EndReason, more: string | undefined): void {
    if (phase !== 'asking') return
    phase = 'replied'
    status = answer.code
    fail(why, more)
    held.stop()
    replyStatusOnSocket(client, answer, addedHeaders(call, { status: answer.code, fromCluster: false }))
  }

  /** Notes why, and drops the cluster's side. The first reason stays. */
  function fail(why: EndReason, more: string | undefined): void {
    if (phase === 'over') return
    if (reason === 'complete') {
      reason = why
      detail = more
    }
    clearTimeout(answerTimer)
    gaveUp.abort()
    cluster?.destroy()
    if (phase === 'joined') client.destroy()
  }

  function finishIfClosed(): void {
    const clusterIsClosed = cluster === undefined || cluster.closed
    if (phase === 'over' || !client.closed || !clusterIsClosed) return
    phase = 'over'
    clearTimeout(answerTimer)
    call.signal.removeEventListener('abort', onSignal)
    release()
    call.onEnd({ reason, detail, status, bytesIn, bytesOut })
  }
}

/** RFC 6455 §7.4.1 */
const goingAway = 1001
const policyViolation = 1008

class BadUpgrade extends Error {}
class AnswerTimeout extends Error {}

/** For both sides of an upgraded connection. */
function prepare(socket: Duplex): void {
  // Each side is closed by us, when the other has been: a shell's last output still has to get out.
  socket.allowHalfOpen = true
  if (!(socket instanceof Socket)) return
  // A stream may be silent for hours; a peer that is gone is noticed by TCP.
  socket.setTimeout(0)
  socket.setKeepAlive(true, 30_000)
  socket.setNoDelay(true)
}

/** The head of the request, from what was parsed and checked. Flat: name, value, name, value. */
function requestLines(call: Call, authority: string, asked: Upgrade): string[] {
  const lines = ['Host', authority, 'Connection', 'Upgrade', 'Upgrade', upgradeToken(asked)]
  lines.push(...call.head.forwarded, 'Authorization', call.authorization)
  for (const [name, value] of call.identity) lines.push(name, value)
  if (asked.kind === 'websocket') {
    lines.push('Sec-WebSocket-Version', '13', 'Sec-WebSocket-Key', asked.key)
    if (asked.protocols.length > 0) lines.push('Sec-WebSocket-Protocol', asked.protocols.join(', '))
  } else {
    for (const protocol of asked.protocols) lines.push('X-Stream-Protocol-Version', protocol)
  }
  if (call.head.method !== 'GET') lines.push('Content-Length', '0')
  return lines
}

/** The lines of the client's 101, or what is wrong with the cluster's. */
function upgradeLines({ statusCode, rawHeaders }: IncomingMessage, asked: Upgrade): string[] | string {
  if (statusCode !== 101) return `an upgrade under status ${statusCode}`
  const [to, ...others] = allValues(rawHeaders, 'upgrade')
  if (others.length > 0 || to?.trim().toLowerCase() !== upgradeToken(asked).toLowerCase()) return 'another protocol'
  const lines = ['Upgrade', upgradeToken(asked), 'Connection', 'Upgrade']
  const name = asked.kind === 'websocket' ? 'sec-websocket-protocol' : 'x-stream-protocol-version'
  const [agreed, ...more] = allValues(rawHeaders, name)
  if (more.length > 0 || (agreed !== undefined && !asked.protocols.includes(agreed))) {
    return 'a stream protocol that was not offered'
  }
  if (asked.kind === 'websocket') {
    const expected = websocketAccept(asked.key)
    const accepts = allValues(rawHeaders, 'sec-websocket-accept')
    if (accepts.length !== 1 || accepts[0] !== expected) return 'a wrong Sec-WebSocket-Accept'
    if (allValues(rawHeaders, 'sec-websocket-extensions').length > 0) return 'extensions that were not offered'
    lines.push('Sec-WebSocket-Accept', expected)
  }
  if (agreed !== undefined) lines.push(name, agreed)
  return lines
}

interface Held {
  /** Stops holding, and gives what was held. */
  stop(): Buffer[]
}

/** Keeps what a client sends before it may, up to a bound; further bytes wait in its own socket. */
function holdBack(client: Duplex, early: Buffer, maxBytes: number, onEnd: () => void): Held {
  const pieces: Buffer[] = early.length > 0 ? [early] : []
  let size = early.length
  const onData = (chunk: Buffer): void => {
    pieces.push(chunk)
    size += chunk.length
    if (size >= maxBytes) client.pause()
  }
  client.on('data', onData)
  client.on('end', onEnd)
  return {
    stop() {
      client.off('data', onData)
      client.off('end', onEnd)
      return pieces
    },
  }
}

/** Copies one direction at the pace of its slower end. */
function pump(from: Duplex, to: Duplex, linger: Linger, note: (chunk: Buffer) => void): void {
  from.on('data', (chunk: Buffer) => {
    note(chunk)
    linger.touch()
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => {
    to.end()
    linger.start()
  })
  from.on('close', () => {
    linger.start()
    // Nobody is left to answer to: once what was under way is out, the other side is closed too.
    to.end(() => to.destroy())
  })
  from.resume()
}

interface Linger {
  start(): void
  touch(): void
}

/** After one side has closed, the other has a while without a byte before both are destroyed. */
function createLinger(a: Duplex, b: Duplex, ms: number): Linger {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const stop = (): void => {
    if (!a.closed || !b.closed) return
    isOver = true
    clearTimeout(timer)
  }
  a.once('close', stop)
  b.once('close', stop)
  return {
    start() {
      if (timer !== undefined || isOver) return
      timer = setTimeout(() => {
        a.destroy()
        b.destroy()
      }, ms)
    },
    touch: () => void timer?.refresh(),
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
