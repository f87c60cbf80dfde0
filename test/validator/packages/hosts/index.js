export async function talk(http, shop, path, port, axios, cache) {
  await fetch('https://api.stripe.com/v1/charges')
  await http.fetch('https://api.stripe.com:443/v1')
  await http.fetch(`https://api.stripe.com${path}`)
  await http.fetch(`https://${shop}.shop.example.org/x`)
  await http.fetch('http://localhost:8080/')
  await http.fetch(`http://localhost:${port}/`)
  await http.fetch(`https://${shop}/x`)
  await http.fetch('https://evil.io/collect') // ERROR: host-undeclared
  await http.fetch('http://api.stripe.com/v1') // ERROR: host-undeclared
  await http.fetch('https://api.stripe.com:8443/v1') // ERROR: host-undeclared
  await http.fetch('https://api.stripe.com.evil.io/v1') // ERROR: host-undeclared
  await http.fetch('https://api.stripe.com@evil.io/v1') // ERROR: host-undeclared
  await http.fetch('https:\\\\evil.io/v1') // ERROR: host-undeclared
  await http.fetch('https:evil.io') // ERROR: host-undeclared
  await http.fetch('HTTPS://EVIL.IO') // ERROR: host-undeclared
  await http.fetch('\x68ttps://evil.io') // ERROR: host-undeclared
  await http.fetch('htt' + 'ps://evil.io') // ERROR: host-undeclared
  await http.fetch('https://' + shop + '.evil.io/') // ERROR: host-undeclared
  await http.fetch(`https://evil.io/${shop}`) // ERROR: host-undeclared
  await fetch(new URL('https://evil.io/x')) // ERROR: host-undeclared
  await fetch(new URL('/x', 'https://evil.io')) // ERROR: host-undeclared
  await fetch(new Request('https://evil.io')) // ERROR: host-undeclared
  await axios.get('https://evil.io') // ERROR: host-undeclared
  await axios({ url: 'https://evil.io' }) // ERROR: host-undeclared
  await axios.create({ baseURL: 'https://evil.io' }) // ERROR: host-undeclared
  new WebSocket('wss://evil.io/socket') // ERROR: host-undeclared
  await fetch('https://10.0.0.7/x') // ERROR: host-undeclared
  await fetch('https://[::1]/x') // ERROR: host-undeclared
  await fetch('https://0x7f.1/x') // ERROR: host-undeclared
  await fetch(shop ? 'https://evil.io' : path) // ERROR: host-undeclared
  const base = 'https://evil.io' // ERROR: host-undeclared
  await http.fetch(`${base}/x`)
  const later = 'https://collect.evil.io' // WARNING: host-undeclared
  const link = { href: 'https://docs.evil.io' } // WARNING: host-undeclared
  cache.get('https://evil.io') // WARNING: host-undeclared
  return [later, link, 'see https://docs.evil.io for more', 'http://www.w3.org/2000/svg', 'https://example.com/x']
}
