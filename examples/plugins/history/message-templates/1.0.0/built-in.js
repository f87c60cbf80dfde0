/** What most shops say, in the languages of our own customers. @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
export const BUILT_IN = {
  'order-placed': {
    en: '{shop}: thank you! We have your order {number}, {items, plural, one {# item} other {# items}}, {total, money}.',
    de: '{shop}: Danke! Deine Bestellung {number} ist da: {items, plural, one {# Artikel} other {# Artikel}}, {total, money}.',
    fi: '{shop}: kiitos! Tilauksesi {number} on vastaanotettu: {items, plural, one {# tuote} other {# tuotetta}}, {total, money}.',
    sv: '{shop}: tack! Vi har din beställning {number}, {items, plural, one {# vara} other {# varor}}, {total, money}.',
  },
  'order-shipped': {
    en: '{shop}: your order {number} is on its way. {carrier} {url}',
    de: '{shop}: Deine Bestellung {number} ist unterwegs. {carrier} {url}',
    fi: '{shop}: tilauksesi {number} on matkalla. {carrier} {url}',
    sv: '{shop}: din beställning {number} är på väg. {carrier} {url}',
  },
}
