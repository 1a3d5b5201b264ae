import type { Target } from '@bongsu/protocol';
import { Button, NativeSelect, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Draft } from '../api/live.js';
import form from '../components/form.module.css';
import styles from './command-form.module.css';
import type { DraftFault } from './read-draft.js';

interface CommandFormProps {
  target: Target;
  /** What stands in the fields of a trigger at first. */
  example?: { action: string; data: string };
  /** Above the fields. */
  children?: ReactNode;
  pending?: boolean;
  onSend(draft: Draft): void;
}

const DISPLAYS = Array.from({ length: 16 }, (_, index) => String(index));

/** A trigger or a navigate as it is typed, told what is wrong with it before it is sent. */
export function CommandForm({ target, example, children, pending = false, onSend }: CommandFormProps) {
  const { t } = useTranslation();
  const [type, setType] = useState<Draft['type']>('trigger');
  const [action, setAction] = useState(example?.action ?? '');
  const [data, setData] = useState(example?.data ?? '');
  const [url, setUrl] = useState('');
  const [display, setDisplay] = useState('');
  const [fault, setFault] = useState<DraftFault>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    // The schemas of the protocol are a fifth of the page's code, and nobody needs them before this moment.
    const { readDraft } = await import('./read-draft.js');
    const read = readDraft(target, { type, action, data, url, display });
    setFault(read.fault);
    if (read.draft) onSend(read.draft);
  }

  return (
    <form className={`${form.form} ${styles.fields}`} onSubmit={(event) => void submit(event)} noValidate>
      {children}
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
            error={fault?.field === 'action' ? t('tryIt.actionFault') : null}
            autoComplete="off"
            spellCheck={false}
          />
          <Textarea
            label={t('tryIt.data')}
            description={t('tryIt.dataHint')}
            value={data}
            onChange={(event) => setData(event.currentTarget.value)}
            error={fault?.field === 'data' ? t('tryIt.dataFault', { why: fault.why }) : null}
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
          error={fault?.field === 'url' ? t('tryIt.urlFault') : null}
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
      <Button type="submit" loading={pending}>
        {type === 'trigger' ? t('tryIt.sendTrigger') : t('tryIt.sendNavigate')}
      </Button>
    </form>
  );
}
