import {
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  Modal,
  type VariantColorsResolver,
} from '@mantine/core';

const ember: MantineColorsTuple = [
  '#fbe9de',
  '#f8d5c1',
  '#f2b08d',
  '#ed8c58',
  '#ff8b3d',
  '#e8590c',
  '#d64b0b',
  '#c7410a',
  '#a93606',
  '#7d2805',
];

/** Solid buttons take their colours from tokens.css, where day and night are told apart. */
const variantColorResolver: VariantColorsResolver = (input) => {
  const color = input.color ?? input.theme.primaryColor;
  const token = color === 'red' ? 'danger' : 'ember';
  if (input.variant === 'filled' && (color === 'red' || color === 'ember')) {
    return {
      background: `var(--${token})`,
      hover: `var(--${token}-strong)`,
      color: `var(--on-${token})`,
      border: '1px solid transparent',
    };
  }
  if (input.variant === 'subtle') {
    return {
      background: 'transparent',
      hover: 'var(--sunken)',
      color: color === 'red' ? 'var(--danger)' : 'var(--ink)',
      border: '1px solid transparent',
    };
  }
  return defaultVariantColorsResolver(input);
};

export const theme = createTheme({
  colors: { ember },
  primaryColor: 'ember',
  variantColorResolver,
  respectReducedMotion: true,
  fontFamily: 'var(--font-text)',
  fontFamilyMonospace: 'var(--font-code)',
  components: {
    Modal: Modal.extend({
      defaultProps: {
        centered: true,
        // Its scroll lock needs a style element, which the content security policy refuses; base.css does it.
        lockScroll: false,
        overlayProps: { backgroundOpacity: 0.5 },
        transitionProps: { transition: 'fade', duration: 120 },
      },
    }),
  },
});
