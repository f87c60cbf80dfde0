import type { Rule } from '../rule.ts'

/** npm runs these by itself when a package is installed, taken from git, or removed. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish', 'dependencies', 'preuninstall', 'uninstall', 'postuninstall']

export const installScript: Rule = {
  id: 'install-script',
  severity: 'error',
  title: 'Nothing runs when a plugin is installed.',
  hint: 'Remove the script from package.json and ship what it makes inside the package.',
  *check(pkg) {
    const { value, document } = pkg.packageJson
    const { scripts } = value
    for (const name of typeof scripts === 'object' && scripts !== null ? Object.keys(scripts) : []) {
      if (INSTALL_SCRIPTS.includes(name)) yield { place: document?.placeOf(['scripts', name], 'key'), message: `package.json has the script "${name}", which npm runs by itself` }
    }
    if (pkg.has('binding.gyp')) yield { place: pkg.place('binding.gyp'), message: 'binding.gyp makes npm compile native code when it installs the package' }
  },
}
