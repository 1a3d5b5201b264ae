import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './en.json' with { type: 'json' };

/** Languages whose script runs from right to left; layout follows by logical CSS properties alone. */
const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];

/** A language is added by a file beside en.json and a line here. */
const resources = { en: { translation: en } };

export function createI18n(): i18n {
  const instance = createInstance();
  instance.use(initReactI18next).init({
    resources,
    lng: 'en',
    fallbackLng: 'en',
    interpolation: { escapeValue: false },
  });
  document.documentElement.lang = instance.language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(instance.language) ? 'rtl' : 'ltr';
  return instance;
}
