import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startExampleWorld, type ExampleWorld } from './story/example-world.ts'
import { narrator, type Narrator } from './story/narrator.ts'
import { startRegistry, type StoryRegistry } from './story/registry.ts'
import { removeAndReturn, upgradeAndBack } from './story/tables.ts'

/*
 * `npm start`: a store's wish becomes signed plugins that are fetched, proven and switched live, then changed, refused
 * and rolled back; tables go along, and stay when their plugin goes. Every command is the real one; GitHub and Sigstore are real protocols on loopback (examples/world/).
 */

const STORE = `# What the store "Nordlicht" wants.
apiVersion: catalyst.dev/v1
kind: PluginSet
store: { id: nordlicht, type: fashion, catalyst: "3.2.0" }
registries:
  - { name: official, url: "REGISTRY", sigstore: ./sigstore.root.json }
plugins:
  stripe-payments:                     # cards
    version: ^2.0.0
    permissions:
      database: { orders: read }
      api: [api.stripe.com:443]
      hooks: [order.placed, order.cancelled]
    config: { apiKey: "\${env:STRIPE_API_KEY}", webhookSecret: "\${env:STRIPE_WEBHOOK_SECRET}" }
  order-sms:                           # a text message when an order ships
    version: ^1.0.0
    permissions: { api: [api.twilio.com:443], hooks: [order.placed, order.shipped] }
    config: { accountSid: AC00000000000000000000000000000000, authToken: "\${env:TWILIO_TOKEN}", shopName: Nordlicht }
  product-feed:                        # for the shopping search
    version: ^1.0.0
    permissions: { database: { products: read }, filesystem: { feeds: rw }, hooks: [schedule.hourly] }
    config: { title: Nordlicht, link: "https://nordlicht.example" }
  google-analytics:
    version: ^1.0.0
    config: { measurementId: G-000000, apiSecret: "\${env:GA_SECRET}" }
`

const began = performance.now()
const world = await startExampleWorld()
const dir = await mkdtemp(join(tmpdir(), 'catalyst-demo-'))
const environment = {
  ...process.env,
  CATALYST_CACHE_DIR: join(dir, '.cache'),
  XDG_STATE_HOME: join(dir, '.state'),
  CATALYST_GITHUB_API_URL: world.apiUrl,
  CATALYST_GITHUB_URL: world.url,
  USER: 'you',
  GITHUB_TOKEN: '',
  // What plugins.yaml refers to; each is looked for before anything goes live, and never written down.
  STRIPE_API_KEY: 'sk_demo',
  STRIPE_WEBHOOK_SECRET: 'whsec_demo',
  TWILIO_TOKEN: 'demo',
  GA_SECRET: 'demo',
}
const story = narrator(dir, environment)
try {
  const registry = await publish(world, story)
  await install(story)
  await change(world, registry, story)
  await undo(story)
  const scene = { world, registry, dir, edit }
  await upgradeAndBack(scene, story)
  await removeAndReturn(scene, story)
  await withoutGitHub(world, registry, story)
  story.say(`\nThat was the whole loop in ${((performance.now() - began) / 1000).toFixed(1)} s. The same on your store: see README.md, "On your own store".`)
} finally {
  await world.close()
  await rm(dir, { recursive: true, force: true })
}

async function publish(from: ExampleWorld, { chapter, say }: Narrator): Promise<StoryRegistry> {
  chapter('Authors publish signed releases; a registry lists them')
  const first = await Promise.all([
    from.release('stripe-payments', '2.0.0'), from.release('stripe-payments', '2.1.0'), from.release('message-templates', '1.0.0'),
    from.release('order-sms', '1.0.0'), from.release('google-analytics', '1.0.0'), from.release('product-feed', '1.0.0'),
  ])
  await writeFile(join(dir, 'sigstore.root.json'), JSON.stringify(from.sigstore.trustedRoot))
  const registry = await startRegistry(from, first, dir)
  await writeFile(join(dir, 'plugins.yaml'), STORE.replace('REGISTRY', `git+${registry.index.url}`))
  say(`GitHub on ${from.url}: ${first.length} releases, each with a Sigstore bundle that says who built it, from which commit.`)
  say(`The registry fetched and proved ${registry.listed} of them, and wrote its index to a git repository: ${registry.index.url}`)
  return registry
}

async function install({ chapter, say, catalyst }: Narrator): Promise<void> {
  chapter('A wish becomes a lock: versions chosen, fetched, proven')
  say('plugins.yaml wants four plugins. Nobody has said yet what google-analytics may do, so it waits:')
  await catalyst('lock', { exit: 3 })
  say('\nThe operator reads, agrees, and pastes.')
  await edit((text) => text.replace('    config: { measurementId', '    permissions: { api: ["www.google-analytics.com:443"], hooks: [order.placed, order.refunded] }\n    config: { measurementId'))
  await catalyst('lock')
  chapter('The plan, as it is read in a pull request; then it is applied')
  await catalyst('plan')
  await catalyst('apply')
  await catalyst('plan')
}

async function change(from: ExampleWorld, { index }: StoryRegistry, { chapter, say, catalyst }: Narrator): Promise<void> {
  chapter('The world moves on: a fix, a greedy release, a forged one')
  const other = await from.release('product-feed', '1.0.1')
  const next = await Promise.all([
    from.release('stripe-payments', '2.1.1'),
    from.release('stripe-payments', '2.2.0'),
    // The thief replaced the artifact and put the bundle of another plugin beside it: a true signature, of other bytes.
    from.release('google-analytics', '1.1.0', { bundle: () => JSON.parse(String(other.bundle?.bytes)) as unknown }),
  ])
  await index.list(next)
  say('stripe-payments 2.1.1 is a fix. 2.2.0 asks for more than it was granted. google-analytics 1.1.0 carries the bundle of another artifact.')
  say('The operator takes product-feed out and updates the rest:')
  await edit((text) => text.replace(/ {2}product-feed:[\s\S]*?(?= {2}google-analytics:)/, ''))
  await catalyst('update', { exit: 5 })
  chapter('One refused release stops nobody else')
  await catalyst('plan')
  await catalyst('apply')
}

async function undo({ chapter, say, catalyst }: Narrator): Promise<void> {
  chapter('Everything can be undone')
  await catalyst('rollback stripe-payments')
  say('\nThe lock in git still asks for 2.1.1. It does not come back by itself:')
  await catalyst('plan')
  await catalyst('status --check')
  await catalyst('generations')
}

/** A second store, on a mirror, with GitHub gone: the signatures travel with the bytes. */
async function withoutGitHub(from: ExampleWorld, registry: StoryRegistry, { chapter, say }: Narrator): Promise<void> {
  chapter('A second store, on a mirror, while GitHub is gone')
  const second = join(dir, 'second-store')
  const mirror = await registry.mirror(join(dir, 'mirror'))
  await mkdir(second)
  await copyFile(join(dir, 'sigstore.root.json'), join(second, 'sigstore.root.json'))
  await writeFile(join(second, 'plugins.yaml'), STORE.replace('REGISTRY', 'file:../mirror').replace(/ {2}google-analytics:[\s\S]*/, ''))
  from.faults.add({ path: '/', times: Infinity }, { kind: 'drop' })
  say(`The mirror serves the same index with all artifacts from ${mirror.url}; every request to GitHub is dropped.`)
  const elsewhere = narrator(second, { ...environment, CATALYST_CACHE_DIR: join(second, '.cache') })
  await elsewhere.catalyst('lock')
  await elsewhere.catalyst('apply')
  await mirror.close(0)
}

async function edit(how: (text: string) => string): Promise<void> {
  const path = join(dir, 'plugins.yaml')
  const before = await readFile(path, 'utf8')
  const after = how(before)
  if (after === before) throw new Error('the story edits plugins.yaml, and nothing changed')
  await writeFile(path, after)
}
