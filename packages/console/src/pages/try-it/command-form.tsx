import { ActionSchema, type Screen, UrlSchema } from '@bongsu/protocol';
import { Button, NativeSelect, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Draft } from '../../api/live.js';
import page from '../../components/page.module.css';
import { parseData } from './attempt.js';
import styles from './try-it-page.module.css';

interface CommandFormProps {
  screens: Screen[];
  chosen: Screen;
  onChoose(screenId: string): void;
  onSend(draft: Draft): void;
}

const DISPLAYS = Array.from({ length: 16 }, (_, index) => String(index));

export function CommandForm({ screens, chosen, onChoose, onSend }: CommandFormProps) {
  const { t } = useTranslation();
  const [type, setType] = useState<Draft['type']>('trigger');
  const [action, setAction] = useState('play');
  const [data, setData] = useState('{ "volume": 0.8 }');
  const [url, setUrl] = useState('');
  const [display, setDisplay] = useState('');
  const [asked, setAsked] = useState(false);
  const read = readDraft(chosen.screenId, { type, action, data, url, display });

  function submit(event: FormEvent) {
    event.preventDefault();
    setAsked('fault' in read);
    if (!('fault' in read)) onSend(read);
  }

  // Nobody is told off before having pressed the button.
  const faultOf = (field: string) => (asked && 'fault' in read && read.fault === field ? read : null);
  const dataFault = faultOf('data');
  return (
    <form className={`${page.panel} ${styles.form}`} onSubmit={submit} noValidate>
      <NativeSelect
        label={t('tryIt.screen')}
        value={chosen.screenId}
        onChange={(event) => onChoose(event.currentTarget.value)}
        data={screens.map(({ screenId, name, online }) => ({
          value: screenId,
          label: online ? name : t('tryIt.offlineOption', { name }),
        }))}
      />
      {chosen.online ? null : <p className={styles.offline}>{t('tryIt.offlineHint')}</p>}
      <SegmentedControl
        aria-label={t('tryIt.kind')}
        value={type}
        onChange={(value) => setType(value as Draft['type'])}
        data={[
          { value: 'trigger', label: t('tryIt.trigger') },
          { value: 'navigate', label: t('tryIt.navigate') },
        ]}
      />
      {type === 'trigger' ? (
        <>
          <TextInput
            label={t('tryIt.action')}
            description={t('tryIt.actionHint')}
            value={action}
            onChange={(event) => setAction(event.currentTarget.value)}
            error={faultOf('action') ? t('tryIt.actionFault') : null}
            autoComplete="off"
            spellCheck={false}
          />
          <Textarea
            label={t('tryIt.data')}
            description={t('tryIt.dataHint')}
            value={data}
            onChange={(event) => setData(event.currentTarget.value)}
            error={dataFault ? t('tryIt.dataFault', { why: dataFault.why }) : null}
            rows={5}
            spellCheck={false}
          />
        </>
      ) : (
        <TextInput
          label={t('tryIt.url')}
          description={t('tryIt.urlHint')}
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          error={faultOf('url') ? t('tryIt.urlFault') : null}
          placeholder="https://example.org"
          inputMode="url"
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <NativeSelect
        label={t('tryIt.display')}
        description={t('tryIt.displayHint')}
        value={display}
        onChange={(event) => setDisplay(event.currentTarget.value)}
        data={[{ value: '', label: t('tryIt.displayNone') }, ...DISPLAYS]}
      />
      <Button type="submit">{type === 'trigger' ? t('tryIt.sendTrigger') : t('tryIt.sendNavigate')}</Button>
    </form>
  );
}

interface Typed {
  type: Draft['type'];
  action: string;
  data: string;
  url: string;
  display: string;
}

function readDraft(
  screenId: string,
  typed: Typed,
): Draft | { fault: 'action' | 'data' | 'url'; why: string } {
  const to = { screenId, ...(typed.display === '' ? {} : { displayIndex: Number(typed.display) }) };
  if (typed.type === 'navigate') {
    const url = UrlSchema.safeParse(typed.url.trim());
    return url.success ? { type: 'navigate', ...to, url: url.data } : { fault: 'url', why: '' };
  }
  const action = ActionSchema.safeParse(typed.action.trim());
  if (!action.success) return { fault: 'action', why: '' };
  const parsed = parseData(typed.data);
  if (!parsed.ok) return { fault: 'data', why: parsed.why };
  return {
    type: 'trigger',
    ...to,
    action: action.data,
    ...(parsed.data === undefined ? {} : { data: parsed.data }),
  };
}
