declare const brand: unique symbol;

/** A primitive that the compiler keeps apart from others of the same kind; at run time it is the plain value. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
