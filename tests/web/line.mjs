// A line that can die: a TCP proxy that stops forwarding without closing anything, as a network that is gone does.
import { connect, createServer } from 'node:net'

/** Listens on a free port; `to(port)` says where connections lead. */
export async function line() {
  const sockets = new Set()
  let port = 0
  let dead = false
  const kept = (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    kept(client)
    // A connection that begins on a dead line is never answered.
    if (dead) return
    const there = kept(connect(port, '127.0.0.1'))
    const forward = (from, to) => {
      from.on('data', (bytes) => dead || to.write(bytes))
      from.on('end', () => dead || to.end())
    }
    forward(client, there)
    forward(there, client)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    to: (target) => (port = target),
    cut: () => (dead = true),
    /** What is sent from now on arrives, on connections that begin from now on. */
    mend: () => (dead = false),
    async close() {
      sockets.forEach((socket) => socket.destroy())
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
