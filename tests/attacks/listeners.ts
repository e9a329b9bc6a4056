import { readdir, readFile, readlink } from 'node:fs/promises'

/**
 * TCP sockets on which a process or any of its descendants listens, as `address:port`, read from Linux's own tables: what
 * the program says of itself does not count.
 */
export async function listenersOf(root: number): Promise<string[]> {
  const inodes = new Set<string>()
  for (const pid of await familyOf(root))
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      if (inode) inodes.add(inode)
    }
  const found: string[] = []
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6'])
    for (const line of (await readFile(`/proc/net/${table}`, 'utf8')).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
      const isWaiting = table.startsWith('tcp') ? state === '0A' : true
      if (isWaiting && inodes.has(inode)) found.push(`${table.startsWith('udp') ? 'udp ' : ''}${addressOf(local)}`)
    }
  return found.toSorted()
}

async function familyOf(root: number): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // The name of the program stands in brackets and may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    parents.set(Number(name), parent)
  }
  const family = [root]
  for (let i = 0; i < family.length; i++)
    for (const [pid, parent] of parents) if (parent === family[i]) family.push(pid)
  return family
}

/** `0100007F:0050` is 127.0.0.1:80: each 32-bit word in the byte order of the machine. */
function addressOf(text: string): string {
  const [hex = '', port = ''] = text.split(':')
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).reverse())
  const address =
    bytes.length === 4
      ? bytes.map((byte) => Number.parseInt(byte, 16)).join('.')
      : `[${bytes.join('').replace(/(.{4})(?=.)/g, '$1:')}]`
  return `${address}:${Number.parseInt(port, 16)}`
}
