import { artifactName, tagsFor } from '../schemas/names.ts'
import { compareVersions, exactVersion } from '../schemas/versions.ts'

/* Which releases of a repository are those of a plugin. Pure. */

/** The parts of GitHub's `release` that count here. */
export interface ReleaseJson {
  readonly tag_name: string
  readonly draft: boolean
  readonly published_at: string | null
  readonly assets: readonly AssetJson[]
}

/** The parts of GitHub's `release-asset` that count here. `digest` is null for assets from before June 2025. */
export interface AssetJson {
  readonly name: string
  readonly state: string
  readonly size: number
  readonly digest?: string | null
  /** In the API: for private repositories, with a token. */
  readonly url: string
  /** For everybody, without the API. */
  readonly browser_download_url: string
}

/** A release of the plugin with the files that matter. */
export interface PluginRelease {
  readonly version: string
  readonly tag: string
  readonly publishedAt: string
  readonly artifact: AssetJson
  readonly bundle: AssetJson | undefined
}

/** The releases of a plugin, and those whose tag is the plugin's but that lack its artifact. */
export interface ChosenReleases {
  readonly complete: readonly PluginRelease[]
  readonly lacking: readonly { readonly tag: string; readonly asset: string }[]
}

/** The version that a tag names for this plugin: `v1.2.3`, `<id>@1.2.3` or `<id>-v1.2.3`; undefined for any other tag. */
export function versionOfTag(tag: string, id: string): string | undefined {
  const text = [`${id}@`, `${id}-v`, 'v'].find((prefix) => tag.startsWith(prefix))
  return text === undefined ? undefined : exactVersion(tag.slice(text.length))
}

/**
 * The plugin's releases, newest first by the time they came out, at most `max`. Of two releases of one version the one
 * with the better tag counts (`tagsFor`). A `v1.2.3` without the plugin's artifact is another plugin's release.
 */
export function chooseReleases(releases: readonly ReleaseJson[], id: string, max: number): ChosenReleases {
  const found = new Map<string, PluginRelease>()
  const lacking: { tag: string; asset: string }[] = []
  for (const release of releases.filter((r) => !r.draft && r.published_at !== null)) {
    const version = versionOfTag(release.tag_name, id)
    if (version === undefined) continue
    const asset = artifactName(id, version)
    const artifact = uploaded(release, asset)
    if (!artifact) lacking.push({ tag: release.tag_name, asset })
    else if (isBetter(release.tag_name, found.get(version)?.tag, id, version)) {
      found.set(version, { version, tag: release.tag_name, publishedAt: release.published_at ?? '', artifact, bundle: uploaded(release, `${asset}.sigstore.json`) })
    }
  }
  const newestFirst = [...found.values()].sort((a, b) => Date.parse(b.publishedAt) - Date.parse(a.publishedAt) || compareVersions(b.version, a.version))
  return { complete: newestFirst.slice(0, max), lacking }
}

function uploaded(release: ReleaseJson, name: string): AssetJson | undefined {
  return release.assets.find((asset) => asset.name === name && asset.state === 'uploaded')
}

function isBetter(tag: string, than: string | undefined, id: string, version: string): boolean {
  const order = tagsFor(id, version)
  return than === undefined || order.indexOf(tag) < order.indexOf(than)
}
