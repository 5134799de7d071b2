// The real binary on a data directory of its own.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const built = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url))
const binary = process.env.LABELCAST ?? `${built}/debug/labelcast`

/** Starts a server with these further arguments; returns its address, its first users' passwords, and how to stop it. */
export async function start(further = []) {
  const data = await mkdtemp(join(tmpdir(), 'labelcast-web-'))
  const server = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--data', data, ...further], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  let said = ''
  await new Promise((resolve, reject) => {
    server.stdout.on('data', (part) => {
      said += part
      if (said.includes('Ctrl-C')) resolve()
    })
    ended.then((status) => reject(new Error(`the server ended with ${status}: ${said}`)))
  })
  const password = (user) => said.match(new RegExp(`${user}\\s+(\\S+)`))[1]
  return {
    url: said.match(/https?:\S+/)[0],
    listens: said.match(/listening on: (\S+)/)?.[1],
    passwords: { viewer: password('viewer'), moderator: password('moderator') },
    async stop() {
      server.kill('SIGTERM')
      const status = await ended
      await rm(data, { recursive: true, force: true })
      return status
    },
  }
}
