import { createInstance, type i18n } from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './en.json' with { type: 'json' };

/** Languages whose script runs from right to left; layout follows by logical CSS properties alone. */
const RIGHT_TO_LEFT = ['ar', 'fa', 'he', 'ur'];

/** A language is added by a file beside each of English, and by a line here and in each part below. */
const resources = { en: { translation: en } };

/** Texts of pages that not everybody opens are loaded with them. */
const parts = {
  rooms: { en: () => import('./rooms.en.json') },
  nodes: { en: () => import('./nodes.en.json') },
};
export type TextPart = keyof typeof parts;

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

/** Call it before a page with these texts is shown; again it does nothing. */
export async function addTexts(instance: i18n, part: TextPart): Promise<void> {
  for (const [language, load] of Object.entries(parts[part]))
    instance.addResourceBundle(language, 'translation', (await load()).default, true);
}
