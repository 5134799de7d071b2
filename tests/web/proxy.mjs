// A real proxy in front of the server, with TLS, under a path of a host that it shares with others: the files of docs/proxy.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function untilListening(port, name) {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false)).once('connect', () => socket.end())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${name} does not listen`)
}

/** What stands in one of the files that operators copy, with other words in a few places. */
function adapted(name, changes) {
  let text = readFileSync(new URL(`../../docs/proxy/${name}`, import.meta.url), 'utf8')
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `docs/proxy/${name} has no ${from}`)
    text = text.replaceAll(from, () => to)
  }
  return text
}

const proxies = {
  nginx({ folder, port, upstream, strips }) {
    const site = adapted('nginx.conf', [
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['/etc/ssl/example.org.pem', join(folder, 'cert.pem')],
      ['/etc/ssl/example.org.key', join(folder, 'key.pem')],
      ['http://127.0.0.1:8080/;', `http://${upstream}${strips ? '/' : ''};`],
    ])
    const configuration = `
      worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
        uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
        ${site}
      }`
    const file = join(folder, 'nginx.conf')
    return { configuration, file, command: [process.env.NGINX ?? 'nginx', '-p', folder, '-e', 'stderr', '-c', file] }
  },
  caddy({ folder, port, upstream, strips }) {
    const site = adapted('Caddyfile', [
      ['example.org {', `https://127.0.0.1:${port} {\n\ttls ${folder}/cert.pem ${folder}/key.pem`],
      ['handle_path /labels/*', `${strips ? 'handle_path' : 'handle'} /labels/*`],
      ['reverse_proxy 127.0.0.1:8080', `reverse_proxy ${upstream}`],
    ])
    const configuration = `{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system ${folder}\n}\n${site}`
    const file = join(folder, 'Caddyfile')
    return { configuration, file, command: [process.env.CADDY ?? 'caddy', 'run', '--adapter', 'caddyfile', '--config', file] }
  },
}

/** Proxies `https://127.0.0.1:port/labels/` to a server; `strips`: the path is taken away on the way. */
export async function start(name, { port, upstream, strips }) {
  const folder = await mkdtemp(join(tmpdir(), `labelcast-${name}-`))
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...files], { stdio: 'ignore' })
  const { configuration, file, command } = proxies[name]({ folder, port, upstream, strips })
  await writeFile(file, configuration)
  // nginx takes a variable of its own name for sockets that it inherits.
  const { NGINX: _, ...env } = process.env
  const proxy = spawn(command[0], command.slice(1), { env, stdio: ['ignore', 'ignore', name === 'caddy' ? 'ignore' : 'inherit'] })
  const ended = new Promise((resolve) => proxy.once('exit', resolve))
  await untilListening(port, name)
  return {
    async stop() {
      proxy.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
